import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { places } from '../../cluster/places.ts';
import { cluster } from '../cluster-fixture.ts';
import type { ChartValues } from '../product.ts';

const GUIDE = join(import.meta.dirname, '../../../docs/guides/vault.md');

/** The block of the guide after this comment. */
function block(comment: string): string {
  const text = readFileSync(GUIDE, 'utf8');
  const [, code] = text.split(`<!-- ${comment} -->`)[1]?.match(/```\w+\n([\s\S]*?)```/) ?? [];
  if (code === undefined) throw new Error(`docs/guides/vault.md has no block after "${comment}"`);
  return code;
}

/** Runs commands of the guide as somebody who reads it: in its folder, as administrator of the cluster and, by `environment`, of OpenBao. */
export async function runGuide(part: 'Vault' | 'the authority', environment: NodeJS.ProcessEnv): Promise<void> {
  const env = { PATH: `${places().bin}:${process.env.PATH}`, KUBECONFIG: cluster().kubeconfig, ...environment };
  const commands = block(`run by test/e2e: ${part}`);
  await promisify(execFile)('sh', ['-euc', commands], { cwd: dirname(GUIDE), env, timeout: 120_000 });
}

/** The chart's values of the guide, with another address. */
export function guideValues(address: string): ChartValues {
  const values = { ...pathsOf(parse(block('used by test/e2e')), '') };
  return { ...values, 'keys.vault.address': address };
}

function pathsOf(value: unknown, path: string): ChartValues {
  if (typeof value !== 'object' || value === null) return { [path]: String(value) };
  const parts = Object.entries(value).map(([name, each]) => pathsOf(each, path === '' ? name : `${path}.${name}`));
  return Object.assign({}, ...parts);
}
