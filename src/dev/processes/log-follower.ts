import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { readFileIfThere } from '../state/atomic-file.ts';

/** Per look, so that a flood of lines cannot hold up everything else; the rest comes with the next looks. Bytes. */
const MAX_BYTES_PER_LOOK = 65_536;
/** A line for people, not a dump. */
const MAX_LAST_WORDS = 400;
const LEVELS = new Set(['warn', 'error', 'fatal']);

export interface LogWarning {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Follows the log file of one process and finds what people should see: JSON lines of level warn and above. */
export class LogFollower {
  readonly #path: string;
  #offset: number;
  #partial = '';

  /** Begins at the present end of the file. */
  constructor(path: string) {
    this.#path = path;
    this.#offset = this.#withFile((file) => fstatSync(file).size) ?? 0;
  }

  /** What came since the last look. */
  look(): LogWarning[] {
    const text = this.#withFile((file) => {
      const buffer = Buffer.alloc(MAX_BYTES_PER_LOOK);
      const length = readSync(file, buffer, 0, buffer.length, this.#offset);
      this.#offset += length;
      return buffer.toString('utf8', 0, length);
    });
    if (!text) return [];
    const lines = (this.#partial + text).split('\n');
    this.#partial = (lines.pop() ?? '').slice(-MAX_BYTES_PER_LOOK);
    return lines.flatMap((line) => warningOf(line) ?? []);
  }

  #withFile<Result>(use: (file: number) => Result): Result | undefined {
    let file: number;
    try {
      file = openSync(this.#path, 'r');
    } catch {
      return undefined; // not there before the first start
    }
    try {
      return use(file);
    } finally {
      closeSync(file);
    }
  }
}

/** The last line of a log, which says most about an unexpected end; empty when there is none. */
export function lastWords(path: string): string {
  const lines = (readFileIfThere(path) ?? '').trimEnd().split('\n');
  return (lines.at(-1) ?? '').slice(0, MAX_LAST_WORDS);
}

/** Undefined for everything that is not a warning of ours. */
export function warningOf(line: string): LogWarning | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const { level, msg, time: _time, component: _component, ...fields } = JSON.parse(line);
    return LEVELS.has(level) && typeof msg === 'string' ? { level, message: msg, fields } : undefined;
  } catch {
    return undefined;
  }
}
