import { fork } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { meets, type Outcome, type Result, type Row, resultOf } from './row.ts';

/**
 * `npm run bench`: every row of bench/rows, or those named (`-- H1 R1`); `--json FILE` writes the figures too. Exits 1 only when a row
 * throws: a missed `must` is printed, and is for people to judge on a machine that others use too.
 */
async function main(): Promise<void> {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: 'string' } } });
  const ids = chosen(positionals);
  console.log(`node ${process.versions.node}, OpenSSL ${process.versions.openssl}`);
  console.log(`${availableParallelism()} × ${cpus()[0]?.model ?? 'unknown processor'}\n`);
  console.log(line(['id', 'ratio', 'spread', 'must', 'goal', '', 'what, to peer']));
  const results: Result[] = [];
  const missed: string[] = [];
  const failed: string[] = [];
  for (const id of ids) {
    const row = await load(id);
    const outcome = await outcomeOf(id);
    if (!outcome) {
      failed.push(id);
      continue;
    }
    const result = resultOf(row, outcome);
    results.push(result);
    if (result.ok === false) missed.push(id);
    print(row, result);
  }
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results, undefined, 2)}\n`);
  console.log(missed.length === 0 ? '\nevery must that was measured is met' : `\nMUST MISSED: ${missed.join(', ')}`);
  if (failed.length > 0) console.log(`FAILED: ${failed.join(', ')}`);
  process.exitCode = failed.length > 0 ? 1 : 0;
}

async function load(id: string): Promise<Row> {
  const { row } = (await import(`./rows/${id}.ts`)) as { row: Row };
  return row;
}

/** Each row runs in a process of its own: a heap and a compiler that no other row has shaped. Undefined when it failed. */
function outcomeOf(id: string): Promise<Outcome | undefined> {
  const child = fork(import.meta.filename, [id], { env: { ...process.env, [ONE_ROW]: '1' } });
  return new Promise((resolve) => {
    let outcome: Outcome | undefined;
    child.on('message', (message) => {
      outcome = message as Outcome;
    });
    child.on('close', (code) => resolve(code === 0 ? outcome : undefined));
  });
}

const ONE_ROW = 'BENCH_ONE_ROW';

async function runOne(id: string): Promise<void> {
  const outcome = await (await load(id)).run();
  process.send?.(outcome, () => process.exit(0));
}

const GROUPS = 'HCFROKS';

function chosen(asked: readonly string[]): readonly string[] {
  const known = readdirSync(new URL('./rows/', import.meta.url))
    .map((file) => file.replace(/\.ts$/, ''))
    .toSorted(
      (a, b) => GROUPS.indexOf(a[0] ?? '') - GROUPS.indexOf(b[0] ?? '') || a.localeCompare(b, 'en', { numeric: true }),
    );
  const unknown = asked.find((id) => !known.includes(id));
  if (unknown !== undefined) throw new Error(`no row ${unknown}; there are ${known.join(', ')}`);
  return asked.length > 0 ? asked : known;
}

function print(row: Row, { value, spread, ok, reason }: Result): void {
  const sign = row.direction === '>=' ? '≥' : '≤';
  const unit = row.unit ?? '';
  const bounds = [`${sign} ${row.must}${unit}`, `${sign} ${row.goal}${unit}`];
  const about = `${row.what}, to ${row.peer}`;
  if (value === null || spread === null) {
    console.log(line([row.id, '–', '–', ...bounds, 'no peer', `${about}: ${reason}`]));
    return;
  }
  const verdict = ok ? (meets(row, value, row.goal) ? 'goal' : 'must') : 'MISSED';
  console.log(
    line([row.id, `${value.toFixed(2)}${unit}`, `${(spread * 100).toFixed(0)} %`, ...bounds, verdict, about]),
  );
}

function line(cells: readonly string[]): string {
  const widths = [4, 9, 7, 9, 9, 8, 0];
  return cells.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join(' ');
}

if (process.env[ONE_ROW]) await runOne(process.argv[2] ?? '');
else await main();
