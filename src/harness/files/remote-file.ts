import { randomUUID } from 'node:crypto';
import { decodeBase64 } from '../../wire/index.ts';
import { HarnessError } from '../error.ts';
import type { Session } from '../session/session.ts';

/** An open file on the executor. Handles belong to a connection: one for reading is opened again after a cut, one for writing is lost. */
export class RemoteFile {
  readonly #session: Session;
  readonly #uri: string;
  readonly #mode: 'read' | 'replace';
  #handle: { connection: number; id: Promise<string> } | undefined;

  constructor(session: Session, uri: string, mode: 'read' | 'replace') {
    this.#session = session;
    this.#uri = uri;
    this.#mode = mode;
  }

  /** Opens it now; `replace` truncates. @throws HarnessError `not_found`, `not_supported`, `invalid_request` */
  async open(): Promise<void> {
    await this.#open();
  }

  /**
   * Up to `length` bytes (at most 1 MiB) from `offset`; fewer only at the end of the file.
   *
   * @throws HarnessError those of `open`, and `transport_error` when even the third connection was cut
   */
  async readBlock(offset: number, length: number): Promise<{ bytes: Buffer; eof: boolean }> {
    for (let cuts = 0; ; cuts += 1) {
      try {
        const handleId = await this.#open();
        const { chunk, eof } = await this.#session.call('fs/readBlock', { handleId, offset, len: length });
        return { bytes: decodeBase64(chunk), eof };
      } catch (error) {
        if (cuts === 2 || !this.#mayReopen(error)) throw error;
      }
    }
  }

  /** @throws HarnessError `transport_error` after a cut: what was written is not known, so start again from the beginning */
  async writeBlock(offset: number, bytes: Uint8Array): Promise<void> {
    const handleId = await this.#open();
    await this.#session.call('fs/writeBlock', { handleId, offset, chunk: Buffer.from(bytes).toString('base64') });
  }

  async close(): Promise<void> {
    const handle = this.#handle;
    if (!handle || handle.connection !== this.#session.connections) return;
    this.#handle = undefined;
    try {
      await this.#session.call('fs/close', { handleId: await handle.id });
    } catch (error) {
      // After a cut the handle is gone anyway.
      if (!(error instanceof HarnessError) || !['transport_error', 'closed', 'session_lost'].includes(error.code))
        throw error;
    }
  }

  async #open(): Promise<string> {
    await this.#session.attached();
    const { connections } = this.#session;
    if (this.#handle?.connection === connections) return this.#handle.id;
    if (this.#handle && this.#mode === 'replace') {
      throw new HarnessError('transport_error', 'file', 'the connection was cut while the file was written', {
        retryable: true,
      });
    }
    // 32 bytes at most (contract §9.4).
    const handleId = randomUUID().replaceAll('-', '');
    const id = this.#session
      .call('fs/open', { handleId, path: this.#uri, mode: this.#mode })
      .then((result) => result.handleId);
    this.#handle = { connection: connections, id };
    return id;
  }

  /** A cut, or a handle of the connection before. */
  #mayReopen(error: unknown): boolean {
    if (this.#mode !== 'read' || !(error instanceof HarnessError)) return false;
    const moved = this.#handle?.connection !== this.#session.connections;
    return error.code === 'transport_error' || (error.code === 'not_found' && moved);
  }
}
