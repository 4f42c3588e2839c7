/** `npm run generate` writes the generated files; with `--check` it only says which are not what they should be, and fails. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { generatedFiles } from './files.ts';

const top = new URL('../../../', import.meta.url);
const changed = [...generatedFiles()].filter(([path, content]) => {
  const file = new URL(path, top);
  return !existsSync(file) || readFileSync(file, 'utf8') !== content;
});

if (process.argv.includes('--check')) {
  for (const [path] of changed) console.error(`${path} is not what src/api makes of it: npm run generate`);
  process.exitCode = changed.length === 0 ? 0 : 1;
} else {
  for (const [path, content] of changed) {
    const file = fileURLToPath(new URL(path, top));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
    console.log(`wrote ${path}`);
  }
}
