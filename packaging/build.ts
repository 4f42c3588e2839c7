/**
 * `npm run build`: the program as a folder `dist/app` that needs Node and nothing else. Splitting keeps lazy imports lazy: a relay loads no
 * Kubernetes client. What is native stays a package beside the bundles.
 */
import { chmod, cp, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { leanImports } from './lean-imports.ts';
import { billOfMaterials } from './sbom.ts';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const APP = join(ROOT, 'dist', 'app');
const BIN = join(ROOT, 'dist', 'bin');

/** Native, or loaded by path: bundlers cannot follow them. */
const PACKAGES = ['bufferutil', 'node-gyp-build', '@lydell/node-pty', `@lydell/node-pty-linux-${process.arch}`];

/** Some dependencies are CommonJS inside and call these. */
const BANNER = [
  "import { createRequire as __createRequire } from 'node:module';",
  'const require = __createRequire(import.meta.url);',
].join('\n');

await rm(APP, { recursive: true, force: true });
await mkdir(APP, { recursive: true });
const { metafile } = await build({
  absWorkingDir: ROOT,
  entryPoints: { main: 'src/cli/main.mjs' },
  outdir: APP,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  external: PACKAGES,
  plugins: [leanImports],
  banner: { js: BANNER },
  minifySyntax: true,
  minifyWhitespace: true,
  keepNames: true,
  legalComments: 'linked',
  metafile: true,
  logLevel: 'warning',
});
const { version, license } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
await writeFile(
  join(APP, 'package.json'),
  `${JSON.stringify({ name: 'noisefleet', version, license, type: 'module', private: true }, null, 2)}\n`,
);
await cp(join(ROOT, 'LICENSE'), join(APP, 'LICENSE'));
const { packages: locked } = JSON.parse(await readFile(join(ROOT, 'package-lock.json'), 'utf8'));
const files = [...Object.keys(metafile.inputs), ...PACKAGES.map((each) => `node_modules/${each}/package.json`)];
const bill = billOfMaterials({ name: 'noisefleet', version, license, locked, files });
await writeFile(join(APP, 'sbom.cdx.json'), `${JSON.stringify(bill, null, 2)}\n`);
for (const name of PACKAGES) {
  await cp(join(ROOT, 'node_modules', name), join(APP, 'node_modules', name), {
    recursive: true,
    // Sources and binaries for other systems are most of these packages.
    filter: (path) => !/\/(src|deps|prebuilds\/(?!linux-)[^/]*)$/.test(path),
  });
}
// What the image has on its PATH. The entry point begins with `#!/usr/bin/env node`.
await chmod(join(APP, 'main.js'), 0o755);
await rm(BIN, { recursive: true, force: true });
await mkdir(BIN);
await symlink('/app/main.js', join(BIN, 'noisefleet'));
const bytes = Object.values(metafile.outputs).reduce((sum, { bytes: each }) => sum + each, 0);
process.stdout.write(`dist/app: ${Object.keys(metafile.outputs).length} files, ${(bytes / 1e6).toFixed(1)} MB\n`);
