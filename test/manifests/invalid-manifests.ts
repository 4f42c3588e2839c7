import { readdirSync, readFileSync } from 'node:fs';

/**
 * A manifest that must be refused. The comment lines at its head say how:
 *
 * - `# refused: TEXT`: the API server's answer has TEXT in it, and so has that of our own parser, unless
 * - `# here: TEXT` says what our own parser answers instead.
 * - `# stalled: REASON`: the API server takes it; the operator answers with the condition `Stalled` and this reason.
 *
 * With two documents the first is right, and the change to the second is what is refused. That is for the API server alone.
 */
export interface InvalidManifest {
  readonly file: string;
  readonly refused?: string;
  readonly here?: string;
  readonly stalled?: string;
  /** One, or two for a change. */
  readonly documents: readonly [string, ...string[]];
}

const FOLDER = new URL('./invalid/', import.meta.url);
const HEAD_LINE = /^# (refused|here|stalled): (.+)$/;

export function readInvalidManifests(): InvalidManifest[] {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith('.yaml'));
  return files.sort().map((file) => readInvalidManifest(file, readFileSync(new URL(file, FOLDER), 'utf8')));
}

function readInvalidManifest(file: string, text: string): InvalidManifest {
  const lines = text.split('\n');
  const end = lines.findIndex((line) => !line.startsWith('#'));
  const head = lines.slice(0, end).map((line) => {
    const [, key, value] = HEAD_LINE.exec(line) ?? [];
    if (key === undefined) throw new SyntaxError(`${file}: not a line that says how it is refused: ${line}`);
    return [key, value] as const;
  });
  const [first = '', ...more] = lines.slice(end).join('\n').split('\n---\n');
  const manifest: InvalidManifest = { file, documents: [first, ...more], ...Object.fromEntries(head) };
  if ((manifest.refused === undefined) === (manifest.stalled === undefined)) {
    throw new SyntaxError(`${file}: the first line must be "# refused: TEXT" or "# stalled: REASON"`);
  }
  return manifest;
}
