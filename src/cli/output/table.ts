const GAP = '   ';

/** `shown` is what is printed for `text`: the same with colours, which have no width. */
export interface PaintedText {
  readonly text: string;
  readonly shown: string;
}

export type Cell = string | PaintedText;

/** Rows with columns of one width, as kubectl prints them: nothing after the last column of a row. */
export function table(rows: readonly (readonly Cell[])[]): string {
  const widths: number[] = [];
  for (const row of rows) for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, widthOf(cell));
  const padded = (cell: Cell, at: number) => shownOf(cell) + ' '.repeat((widths[at] ?? 0) - widthOf(cell));
  return rows.map((row) => `${row.map(padded).join(GAP).trimEnd()}\n`).join('');
}

function widthOf(cell: Cell): number {
  return typeof cell === 'string' ? cell.length : cell.text.length;
}

function shownOf(cell: Cell): string {
  return typeof cell === 'string' ? cell : cell.shown;
}

/** `40s`, `3m`, `5h`, `118d`: the largest unit of which there are two, as people read ages. `span` in milliseconds. */
export function ageOf(span: number): string {
  const seconds = Math.max(0, Math.floor(span / 1000));
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours}h` : `${Math.floor(hours / 24)}d`;
}
