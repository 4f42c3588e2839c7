import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Kubectl } from '../kubectl.ts';

/** A program of this folder that runs inside a container. */
export type Probe = 'answering' | 'probe-connections' | 'probe-http' | 'probe-secrets';

/** How long a probe may take on a machine that does other things as well. Seconds. */
const PROBE_SECONDS = 120;

/**
 * The command that runs a probe where there is a Node that takes types away, and nothing of ours. The input is an argument: what `kubectl exec`
 * passes on of a standard input that ends at once may be cut.
 */
export function probeCommand(probe: Probe, input: object): readonly string[] {
  const program = readFileSync(join(import.meta.dirname, `${probe}.ts`), 'utf8');
  return ['node', '--input-type=module-typescript', '--no-warnings', '-e', program, JSON.stringify(input)];
}

/** Runs a probe by `kubectl exec`. @returns what it printed, parsed */
export async function probeIn(kubectl: Kubectl, pod: string, probe: Probe, input: object): Promise<unknown> {
  return JSON.parse(await kubectl.run(['exec', pod, '--', ...probeCommand(probe, input)], { seconds: PROBE_SECONDS }));
}
