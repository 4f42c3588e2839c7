import { execFileSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { join } from 'node:path';

/** One real Codex, unmodified, as npm delivers it. */
export interface CodexRelease {
  readonly version: string;
  readonly binary: string;
}

/** The newest release and an older one, newest first: the span that this project promises to work with. */
export const codexReleases: readonly CodexRelease[] = ['newest', 'older'].map(findRelease);

export const newestCodex: CodexRelease = findRelease('newest');

function findRelease(folder: string): CodexRelease {
  const home = join(import.meta.dirname, 'codex', folder);
  const [binary] = globSync(join(home, 'node_modules/@openai/codex-*/vendor/*/bin/codex'));
  if (binary === undefined) throw new Error(`no Codex in ${home}: npm run interop:install`);
  const version = execFileSync(binary, ['--version'], { encoding: 'utf8' })
    .trim()
    .replace(/^\S+\s/, '');
  return { version, binary };
}
