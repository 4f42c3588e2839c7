import type { WriteStream } from 'node:tty';

/** Terminals flicker when they are written to more often. Milliseconds. */
const REDRAW_MS = 100;

export interface Progress {
  /** Another file begins; `size` in bytes, if it is known. */
  begin(name: string, size?: number): void;
  add(bytes: number): void;
  /** Leaves the line clean. */
  end(): void;
}

/** A line on a terminal; a pipe gets nothing. */
export function progressOn(stream: WriteStream, now: () => number = () => performance.now()): Progress {
  if (!stream.isTTY) return { begin: () => {}, add: () => {}, end: () => {} };
  let file: { name: string; size: number | undefined; done: number } | undefined;
  let drawn = 0;
  const draw = () => {
    if (!file) return;
    drawn = now();
    const { name, size, done } = file;
    const share = size ? ` ${Math.floor((100 * done) / size)} %` : '';
    stream.write(`\r\x1b[K${name}  ${amount(done)}${share}`);
  };
  return {
    begin(name, size) {
      file = { name, size, done: 0 };
      draw();
    },
    add(bytes) {
      if (file) file.done += bytes;
      if (now() - drawn >= REDRAW_MS) draw();
    },
    end() {
      if (file) stream.write('\r\x1b[K');
      file = undefined;
    },
  };
}

function amount(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}
