import { execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';

const ROOT = dirname(dirname(import.meta.dirname));

/** The program as the image has it, made from a checkout: from this one unless given. @returns what runs it, as the image's entry point does */
export function buildBundle(root = ROOT): readonly string[] {
  execFileSync(process.execPath, [join(root, 'packaging/build.ts')], { stdio: ['ignore', 'ignore', 'inherit'] });
  return [process.execPath, join(root, 'dist/app/main.js')];
}
