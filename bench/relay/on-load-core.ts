import { spawn, spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import type { Outcome } from '../row.ts';

/** Relay and peer take turns on this core, the load has the other. */
const RELAY_CORE = 0;
const LOAD_CORE = 1;
/** Of V8, in MiB: what a round of steady streams leaves behind finds room in it. A load that stops to collect would measure itself. */
const YOUNG_MIB = 64;
export const STEADY: LoadOptions = {
  nodeFlags: [`--min-semi-space-size=${YOUNG_MIB}`, `--max-semi-space-size=${YOUNG_MIB}`],
};

export interface LoadOptions {
  /** Why its peer cannot be had here, if so. */
  readonly missing?: string | undefined;
  readonly nodeFlags?: readonly string[];
}

/**
 * Runs a script of `loads` on the core that the relay does not have, with the relay's core and `args` as its arguments. It prints its
 * outcome; what it throws, the row throws.
 */
export async function onLoadCore(
  load: string,
  args: readonly string[] = [],
  { missing, nodeFlags = [] }: LoadOptions = {},
): Promise<Outcome> {
  const unavailable = missing ?? tasksetMissing();
  if (unavailable !== undefined) return { unavailable };
  const script = new URL(`./loads/${load}.ts`, import.meta.url).pathname;
  const command = ['-c', String(LOAD_CORE), process.execPath, ...nodeFlags, script, String(RELAY_CORE), ...args];
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
