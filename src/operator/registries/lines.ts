import { StringDecoder } from 'node:string_decoder';

/** Longest line, in characters: an environment with all its denies has far less (a registry stops a reader at 16 MiB unread). */
const MAX_LINE_LENGTH = 16 * 1024 * 1024;

/** The other end sends something that is no line of ours: it is no registry, or one of another kind. */
class LineTooLongError extends Error {
  override readonly name = 'LineTooLongError';
  readonly code = 'line_too_long';
  readonly step = 'read a line';
}

/** Pieces of UTF-8 become lines, wherever they were cut. What stands after the last line feed is no line. */
export class LineSplitter {
  readonly #decoder = new StringDecoder('utf8');
  readonly #maxLength: number;
  #rest = '';

  constructor(maxLength = MAX_LINE_LENGTH) {
    this.#maxLength = maxLength;
  }

  /** The lines that this piece completes. Throws `LineTooLongError`. */
  push(piece: Buffer): string[] {
    const parts = this.#decoder.write(piece).split('\n');
    parts[0] = this.#rest + (parts[0] ?? '');
    this.#rest = parts.pop() ?? '';
    if (this.#rest.length > this.#maxLength) throw new LineTooLongError(`more than ${this.#maxLength} characters`);
    return parts;
  }
}
