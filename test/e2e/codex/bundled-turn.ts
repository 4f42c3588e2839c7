import { join } from 'node:path';
import { build } from 'esbuild';

/** `turn-in-pod.ts` as one file that needs only Node; small enough for a ConfigMap. */
export async function bundledTurn(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, 'turn-in-pod.ts')],
    bundle: true,
    write: false,
    minify: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
  });
  return outputFiles.map(({ text }) => text).join('');
}
