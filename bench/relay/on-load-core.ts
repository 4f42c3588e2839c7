import { spawn, spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import type { Outcome } from '../row.ts';

/** Relay and peer take turns on this core, the load has the other. */
const RELAY_CORE = 0;
const LOAD_CORE = 1;
/** A load that stops to collect garbage measures itself: what a round leaves behind finds room in a young generation of so many MiB. */
const YOUNG_MIB = 64;
const NODE = [process.execPath, `--min-semi-space-size=${YOUNG_MIB}`, `--max-semi-space-size=${YOUNG_MIB}`];

/**
 * Runs a script of `loads` on the core that the relay does not have, with the relay's core and `args` as its arguments. It prints its
 * outcome; what it throws, the row throws.
 *
 * @param missing why its peer cannot be had here, if so
 */
export async function onLoadCore(load: string, args: readonly string[] = [], missing?: string): Promise<Outcome> {
  const unavailable = missing ?? tasksetMissing();
  if (unavailable !== undefined) return { unavailable };
  const script = new URL(`./loads/${load}.ts`, import.meta.url).pathname;
  const command = ['-c', String(LOAD_CORE), ...NODE, script, String(RELAY_CORE), ...args];
  const child = spawn('taskset', command, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  for await (const chunk of child.stdout) output += String(chunk);
  if (output === '') throw new Error(`the load ${load} ended without an outcome`);
  const outcome: Outcome = JSON.parse(output);
  return outcome;
}

function tasksetMissing(): string | undefined {
  if (availableParallelism() < 2) return 'one core cannot hold relay and load apart';
  return spawnSync('taskset', ['--version']).error === undefined ? undefined : 'taskset is not installed (util-linux)';
}
