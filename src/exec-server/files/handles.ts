import type { FileHandle } from 'node:fs/promises';
import { MAX_OPEN_HANDLES, RPC_CODES, RpcError } from '../../wire/index.ts';
import { invalidRequest } from './errors.ts';

/** The open files of one connection, by the client's ids. */
export class OpenHandles {
  readonly #handles = new Map<string, FileHandle>();
  readonly #opening = new Set<string>();
  #closed = false;

  /** @throws RpcError -32600 for an id in use or one too many, and whatever `open` throws */
  async open(id: string, open: () => Promise<FileHandle>): Promise<void> {
    if (this.#handles.has(id) || this.#opening.has(id)) throw invalidRequest(`file handle \`${id}\` already exists`);
    if (this.#handles.size + this.#opening.size >= MAX_OPEN_HANDLES) {
      throw invalidRequest(`at most ${MAX_OPEN_HANDLES} file handles may be open per connection`);
    }
    this.#opening.add(id);
    try {
      const handle = await open();
      this.#handles.set(id, handle);
      if (this.#closed) await this.close(id);
    } finally {
      this.#opening.delete(id);
    }
  }

  /** @throws RpcError -32004 */
  get(id: string): FileHandle {
    const handle = this.#handles.get(id);
    if (!handle) throw new RpcError(RPC_CODES.NOT_FOUND, `unknown file handle \`${id}\``);
    return handle;
  }

  async close(id: string): Promise<void> {
    const handle = this.#handles.get(id);
    this.#handles.delete(id);
    await handle?.close();
  }

  async closeAll(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#handles.keys()].map((id) => this.close(id)));
  }
}
