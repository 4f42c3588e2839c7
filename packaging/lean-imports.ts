import { createRequire } from 'node:module';
import type { Plugin } from 'esbuild';

const require = createRequire(import.meta.url);

/**
 * Keeps out of every process what an import brings along unasked:
 *
 * - `import 'node:http'` as a module reads each export of it, also the WebSocket that Node makes of undici: 5 MB and 40 ms. What it exports
 *   as plain values is taken from the module itself;
 * - zod brings the messages of 50 languages.
 */
export const leanImports: Plugin = {
  name: 'lean-imports',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:http$/ }, ({ path, kind }) =>
      kind === 'import-statement' ? { path, namespace: 'plain-values' } : undefined,
    );
    onLoad({ filter: /./, namespace: 'plain-values' }, ({ path }) => ({ contents: plainValues(path) }));
    onLoad({ filter: /\/zod\/v4\/locales\/index\.js$/ }, () => ({
      contents: "export { default as en } from './en.js';",
    }));
  },
};

function plainValues(path: string): string {
  const values = Object.entries(Object.getOwnPropertyDescriptors(require(path)));
  const names = values.filter(([, descriptor]) => 'value' in descriptor).map(([name]) => name);
  return `const it = process.getBuiltinModule('${path}');
    export default it;
    export const { ${names.join(', ')} } = it;`;
}
