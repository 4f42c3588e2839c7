import { build } from 'esbuild';

/** Some dependencies are CommonJS inside and call it. */
const BANNER = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

/** A program and all that it imports as one file that needs only Node; small enough for a ConfigMap. */
export async function bundleOf(entryPoint: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [entryPoint],
    bundle: true,
    write: false,
    minify: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    external: ['bufferutil', 'utf-8-validate'],
    banner: { js: BANNER },
    logLevel: 'error',
  });
  return outputFiles.map(({ text }) => text).join('');
}
