import { execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';

const ROOT = dirname(dirname(import.meta.dirname));

/** The program as the image has it, made from this checkout. @returns what runs it, as the image's entry point does */
export function buildBundle(): readonly string[] {
  execFileSync(process.execPath, [join(ROOT, 'packaging/build.ts')], { stdio: ['ignore', 'ignore', 'inherit'] });
  return [process.execPath, join(ROOT, 'dist/app/main.js')];
}
