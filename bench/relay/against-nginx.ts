import { spawn, spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import type { Outcome } from '../row.ts';
import { nginxMissing } from './nginx.ts';

/** Relay and nginx take turns on this core, the load has the other. */
const RELAY_CORE = 0;
const LOAD_CORE = 1;

/** Runs the load process of a row of ours against nginx. */
export async function againstNginx(row: 'R1' | 'R2'): Promise<Outcome> {
  const missing = nginxMissing() ?? tasksetMissing();
  if (missing !== undefined) return { unavailable: missing };
  const script = new URL('./load-process.ts', import.meta.url).pathname;
  const command = ['-c', String(LOAD_CORE), process.execPath, script, row, String(RELAY_CORE)];
  const child = spawn('taskset', command, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  for await (const chunk of child.stdout) output += String(chunk);
  const { ratios }: { ratios: number[] } = JSON.parse(output);
  return { ratios };
}

function tasksetMissing(): string | undefined {
  if (availableParallelism() < 2) return 'one core cannot hold relay and load apart';
  return spawnSync('taskset', ['--version']).error === undefined ? undefined : 'taskset is not installed (util-linux)';
}
