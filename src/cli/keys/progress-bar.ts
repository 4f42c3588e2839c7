import type { WriteStream } from 'node:tty';

/** Terminals flicker when they are written to more often. Milliseconds. */
const REDRAW_MS = 100;

export interface ProgressBar {
  /** The bar has changed. */
  draw(line: string): void;
  /** A line above it, which stays. */
  print(line: string): void;
  /** Leaves the line clean. */
  end(): void;
}

/** A line at the bottom of a terminal, cut at its edge; where there is no terminal only what stays is written. */
export function progressBar(
  terminal: Pick<WriteStream, 'isTTY' | 'columns' | 'write'>,
  write: (text: string) => void,
  now: () => number = () => performance.now(),
): ProgressBar {
  if (!terminal.isTTY) return { draw: () => {}, print: (line) => write(`${line}\n`), end: () => {} };
  let shown = '';
  let drawn = Number.NEGATIVE_INFINITY;
  const paint = (line: string) => terminal.write(`\r\x1b[K${line.slice(0, Math.max(1, terminal.columns - 1))}`);
  return {
    draw(line) {
      shown = line;
      if (now() - drawn < REDRAW_MS) return;
      drawn = now();
      paint(line);
    },
    print(line) {
      paint('');
      write(`${line}\n`);
      paint(shown);
    },
    end() {
      paint('');
    },
  };
}
