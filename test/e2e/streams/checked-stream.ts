import { createHash } from 'node:crypto';

/** How the program speaks: a line each 40 ms, and after eight of them it is silent for long enough to be called quiet; `restless` never is. */
export type Manner = 'in turns' | 'restless';

/** Runs in the workspace: numbered lines until a file says that it is enough, then the hash of all of them. Its argument is its manner. */
export const STREAM = `
  const hash = require('node:crypto').createHash('sha256');
  const { existsSync } = require('node:fs');
  const restless = process.argv[1] === 'restless';
  let line = 0;
  const say = () => {
    if (existsSync('enough')) return process.stdout.write('sha256 ' + hash.digest('hex') + '\\n');
    const text = line++ + ' ' + 'x'.repeat(200) + '\\n';
    hash.update(text);
    process.stdout.write(text);
    setTimeout(say, restless || line % 8 !== 0 ? 40 : 350);
  };
  say();
`;

/** What arrives of one such stream: whether every line came, once and in order, as the sender counted and hashed them, and the longest silence. */
export class CheckedStream {
  readonly #hash = createHash('sha256');
  #rest = '';
  #lines = 0;
  #problem: string | undefined;
  #ended = false;
  #arrivedAt: number;
  #longestMs = 0;

  constructor(now: number) {
    this.#arrivedAt = now;
  }

  arrived(chunk: Buffer, now: number): void {
    this.#longestMs = Math.max(this.#longestMs, now - this.#arrivedAt);
    this.#arrivedAt = now;
    const lines = `${this.#rest}${chunk.toString('latin1')}`.split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#take(line);
  }

  /** Since it was asked last. */
  longestSilenceMs(now: number): number {
    // A stream that has been silent ever since shows only so.
    const longest = this.#ended ? this.#longestMs : Math.max(this.#longestMs, now - this.#arrivedAt);
    this.#longestMs = 0;
    return longest;
  }

  get lines(): number {
    return this.#lines;
  }

  /** `complete`, or what is wrong. */
  get verdict(): string {
    return this.#problem ?? (this.#ended ? 'complete' : `ends after ${this.#lines} lines`);
  }

  #take(line: string): void {
    if (this.#problem !== undefined) return;
    if (this.#ended) this.#problem = `more after the end: ${line.slice(0, 40)}`;
    else if (line.startsWith('sha256 ')) this.#end(line.slice('sha256 '.length));
    else if (!line.startsWith(`${this.#lines} `)) this.#problem = `line ${this.#lines} is ${line.slice(0, 40)}`;
    else {
      this.#hash.update(`${line}\n`);
      this.#lines += 1;
    }
  }

  #end(hash: string): void {
    this.#ended = true;
    if (this.#hash.digest('hex') !== hash) this.#problem = `${this.#lines} lines have another hash than the sender's`;
  }
}
