import { errorOfStatus, parseJson } from './answer.ts';
import { ApiError } from './errors.ts';

/**
 * The largest event accepted, in bytes. An object is at most about 1.5 MiB in etcd (2 MiB with some room, 3 MiB in requests); beyond this the stream is
 * not a watch.
 */
const MAX_EVENT_BYTES = 16 * 1024 * 1024;
const NEWLINE = 0x0a;

/** Cuts a watch's bytes into lines, each the JSON of one event. A line may come in any number of pieces. */
export class LineSplitter {
  readonly #pieces: Uint8Array[] = [];
  #length = 0;
  readonly #step: string;

  constructor(step: string) {
    this.#step = step;
  }

  /** The lines that `chunk` completes, blank ones left out. */
  push(chunk: Uint8Array): string[] {
    const lines: string[] = [];
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      this.#keep(chunk.subarray(from, at));
      const line = this.#take();
      if (line.trim() !== '') lines.push(line);
      from = at + 1;
    }
    this.#keep(chunk.subarray(from));
    return lines;
  }

  #keep(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.#length += piece.length;
    if (this.#length > MAX_EVENT_BYTES) {
      throw new ApiError({
        code: 'BadAnswer',
        step: this.#step,
        message: `an event is longer than ${MAX_EVENT_BYTES} bytes`,
      });
    }
    this.#pieces.push(piece);
  }

  #take(): string {
    const [first, ...others] = this.#pieces;
    this.#pieces.length = 0;
    this.#length = 0;
    if (first === undefined) return '';
    const whole = others.length === 0 ? first : Buffer.concat([first, ...others]);
    return Buffer.from(whole.buffer, whole.byteOffset, whole.byteLength).toString('utf8');
  }
}

export type RawWatchEvent =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: unknown }
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string };

/** One event of the watch protocol. An `ERROR` event is thrown: `Gone` or `Expired` when the version is too old. */
export function decodeWatchEvent(line: string, step: string): RawWatchEvent {
  const { type, object } = parseJson(line, step) as { type?: unknown; object?: unknown };
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      return { type, object };
    case 'BOOKMARK':
      return { type, resourceVersion: resourceVersionOf(object, step) };
    case 'ERROR':
      throw errorOfStatus(object, 0, step);
    default:
      // As JSON: what has a `toString` of its own cannot be made a string otherwise.
      throw new ApiError({
        code: 'BadAnswer',
        step,
        message: `a watch has no event ${String(JSON.stringify(type)).slice(0, 40)}`,
      });
  }
}

function resourceVersionOf(object: unknown, step: string): string {
  const version = (object as { metadata?: { resourceVersion?: unknown } } | null)?.metadata?.resourceVersion;
  if (typeof version === 'string') return version;
  throw new ApiError({ code: 'BadAnswer', step, message: 'a bookmark has no resourceVersion' });
}
