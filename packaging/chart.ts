/**
 * Makes what in the chart comes from elsewhere: CRDs and user roles (from the schemas) and the table of values in its README. With
 * `--check` it only says what is not as it should be, and fails.
 */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMap, parseDocument, type YAMLMap } from 'yaml';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const CHART = join(ROOT, 'charts', 'noisefleet');
const BEGIN = '<!-- values: made by `npm run generate` from values.yaml -->';
const END = '<!-- /values -->';

/** Folder of sources → folder in the chart. */
const COPIES = [
  { from: 'crds', to: join(CHART, 'files', 'crds') },
  { from: join('config', 'rbac'), to: join(CHART, 'files', 'rbac') },
];

async function wanted(): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const { from, to } of COPIES) {
    const names = (await readdir(join(ROOT, from))).filter((name) => name !== 'kustomization.yaml');
    for (const name of names) files.set(join(to, name), await readFile(join(ROOT, from, name), 'utf8'));
  }
  const readme = join(CHART, 'README.md');
  const text = await readFile(readme, 'utf8');
  const [head = '', rest = ''] = text.split(BEGIN);
  const tail = rest.split(END)[1] ?? '';
  files.set(readme, `${head}${BEGIN}\n\n${await valuesTable()}\n\n${END}${tail}`);
  return files;
}

async function valuesTable(): Promise<string> {
  const document = parseDocument(await readFile(join(CHART, 'values.yaml'), 'utf8'));
  const rows = isMap(document.contents) ? rowsOf(document.contents, '', document.commentBefore ?? '') : [];
  return ['| Value | Default | What it is |', '| --- | --- | --- |', ...rows].join('\n');
}

/** One row for each value with a comment that begins with `--`. `first` is the comment that the parser gives to the document. */
function rowsOf(map: YAMLMap, prefix: string, first = ''): string[] {
  return map.items.flatMap((pair, index) => {
    const key = pair.key as { value: string; commentBefore?: string };
    const name = `${prefix}${key.value}`;
    const comment = key.commentBefore ?? (index === 0 ? first || map.commentBefore : undefined) ?? '';
    const said = comment.replace(/\n\s*/g, ' ').trim();
    if (!said.startsWith('-- ')) return isMap(pair.value) ? rowsOf(pair.value, `${name}.`) : [];
    const value = JSON.stringify((pair.value as { toJSON(): unknown }).toJSON());
    return [`| \`${name}\` | \`${value}\` | ${said.slice(3)} |`];
  });
}

const check = process.argv.includes('--check');
let different = 0;
for (const [path, text] of await wanted()) {
  const present = await readFile(path, 'utf8').catch(() => undefined);
  if (present === text) continue;
  different += 1;
  if (check) process.stderr.write(`${path.slice(ROOT.length + 1)} is not what \`npm run generate\` makes\n`);
  else {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
}
if (check && different > 0) process.exitCode = 1;
