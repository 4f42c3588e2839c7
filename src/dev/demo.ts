import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { Harness } from '../harness/index.ts';
import { DevError } from './errors.ts';
import type { Plan, PlannedEnvironment } from './manifests/plan.ts';

/** Says on which machine it ran, and nothing else. */
const DEMO_ARGV = ['uname', '-sm'] as const;
/** The whole demo; a path that takes longer is broken. Milliseconds. */
const DEMO_TIMEOUT_MS = 30_000;
/** A relay publishes its counters about once a second, not at each frame. Milliseconds. */
const PUBLISH_TIMEOUT_MS = 3000;
const PUBLISH_POLL_MS = 50;

export interface DemoOptions {
  readonly plan: Plan;
  readonly call: string;
  readonly registryUrl: string;
  readonly relayAdminUrl: string;
  /** Somebody does not want to wait any more. */
  readonly stop: AbortSignal;
  credential(environmentId: string): Promise<string>;
  print(line: string): void;
}

interface RelayCounts {
  readonly frames: number;
  readonly bytes: number;
}

/**
 * One command through registry, relay, sidecar and exec-server by the harness library that people use, and what the relay saw of
 * it, asked from the relay itself.
 *
 * @throws DevError `demo_failed`
 */
export async function runDemo(options: DemoOptions): Promise<void> {
  const executor = options.plan.environments.find(({ runtime }) => runtime !== 'External');
  if (executor === undefined)
    throw new DevError('demo_failed', 'the manifests have no executor that runs here, so there is nothing to show');
  const { print, call, relayAdminUrl } = options;
  print(`  $ ${call} exec ${executor.name} -- ${DEMO_ARGV.join(' ')}`);
  try {
    const before = await relayCounts(relayAdminUrl);
    const { output, errors, exitCode, milliseconds, protocol, frames } = await runOnce(executor, options);
    const after = await relayCountsFrom(relayAdminUrl, before.frames + frames);
    for (const line of `${output}${errors}`.trimEnd().split('\n')) print(`  ${line}`);
    const saw = `the relay saw ${after.frames - before.frames} frames, ${kilobytes(after.bytes - before.bytes)}, all ciphertext`;
    print(`  exit ${exitCode} · ${Math.round(milliseconds)} ms · ${protocol} · ${saw}`);
    print('');
    if (exitCode !== 0) throw new Error(`the command ended with ${exitCode}`);
    if (after.frames === before.frames) throw new Error('the relay saw no frame: the command went another way');
  } catch (cause) {
    throw new DevError('demo_failed', `the command did not go through the whole path to ${executor.id}`, { cause });
  }
}

async function runOnce({ id }: PlannedEnvironment, { registryUrl, credential, stop }: DemoOptions) {
  const signal = AbortSignal.any([stop, AbortSignal.timeout(DEMO_TIMEOUT_MS)]);
  const harness = await Harness.connect({ environmentId: id, registryUrl, credential: () => credential(id), signal });
  try {
    const started = performance.now();
    const command = await harness.exec({ argv: DEMO_ARGV, signal });
    command.pty.resume();
    const [output, errors, { exitCode }] = await Promise.all([
      text(command.stdout),
      text(command.stderr),
      command.closed,
    ]);
    const milliseconds = performance.now() - started;
    const { protocol, traffic } = harness.diagnostics;
    return { output, errors, exitCode, milliseconds, protocol, frames: traffic.framesSent + traffic.framesReceived };
  } finally {
    harness.close();
  }
}

/** What the relay counted, once it published as many frames as we know of, or has nothing more to say. */
async function relayCountsFrom(adminUrl: string, frames: number): Promise<RelayCounts> {
  const until = performance.now() + PUBLISH_TIMEOUT_MS;
  for (;;) {
    const counts = await relayCounts(adminUrl);
    if (counts.frames >= frames || performance.now() >= until) return counts;
    await pause(PUBLISH_POLL_MS);
  }
}

/** Both directions together. */
async function relayCounts(adminUrl: string): Promise<RelayCounts> {
  const answer = await fetch(`${adminUrl}/metrics`);
  const metrics = await answer.text();
  return {
    frames: sumOf(metrics, 'noisefleet_relay_frames_total'),
    bytes: sumOf(metrics, 'noisefleet_relay_bytes_total'),
  };
}

/** The sum over all labels of one metric in the Prometheus text format; a metric that is not there counts nothing. */
export function sumOf(metrics: string, name: string): number {
  return metrics
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .reduce((sum, line) => sum + (Number(line.slice(line.lastIndexOf(' ') + 1)) || 0), 0);
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1000).toFixed(1)} kB`;
}
