import { READY, REASONS, STALLED, type StoredExecutor } from '../../api/index.ts';
import type { ObjectApi } from '../../kube/index.ts';
import type { Clock } from '../../telemetry/index.ts';
import { CliError } from '../client/cli-error.ts';
import { followExecutor, type ObjectName, patchExecutor } from '../cluster/executor-object.ts';
import { EXIT } from '../exit.ts';

export type OperatingMode = 'Running' | 'Suspended';

/**
 * Sets `spec.operatingMode`, which is the user's field, with the user's own rights.
 *
 * @returns the generation that has it
 * @throws as `patchExecutor`
 */
export async function setOperatingMode(api: ObjectApi, ref: ObjectName, mode: OperatingMode): Promise<number> {
  const { metadata } = await patchExecutor(api, ref, { spec: { operatingMode: mode } }, 'edit');
  return metadata.generation ?? 0;
}

/** What a mode has come to. */
type Progress =
  | { readonly type: 'done' }
  | { readonly type: 'waiting'; readonly why: string }
  | { readonly type: 'stalled'; readonly why: string };

/** Whether the operator has brought about what generation `since` asks for. Pure. */
function progressOf({ metadata, status }: StoredExecutor, mode: OperatingMode, since: number): Progress {
  const told = (type: string) => status.conditions.find((each) => each.type === type);
  if ((status.observedGeneration ?? 0) < since)
    return { type: 'waiting', why: 'the operator has not looked at it yet' };
  const [ready, stalled] = [told(READY), told(STALLED)];
  if (mode === 'Suspended') {
    if (ready?.reason === REASONS.Suspended && status.pod?.uid === undefined) return { type: 'done' };
    return { type: 'waiting', why: `pod ${status.pod?.name ?? metadata.name} is still there` };
  }
  if (stalled?.status === 'True') return { type: 'stalled', why: `${stalled.reason}: ${stalled.message}` };
  if (ready?.status === 'True') return { type: 'done' };
  return { type: 'waiting', why: ready === undefined ? 'nothing is known yet' : `${ready.reason}: ${ready.message}` };
}

export interface WaitOptions {
  readonly mode: OperatingMode;
  readonly since: number;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
}

/**
 * Waits until the mode is brought about.
 *
 * @throws CliError `not_ready` when that takes too long, `stalled` when it never will, `not_found` when the executor is deleted
 */
export async function waitForMode(
  api: ObjectApi,
  { namespace, name }: ObjectName,
  options: WaitOptions,
): Promise<void> {
  const { mode, since, timeoutMs, clock, signal } = options;
  const ended = new AbortController();
  const outcome = Promise.withResolvers<void>();
  let last = 'nothing is known yet';
  const fail = (code: string, what: string, exitCode: number = EXIT.failed) =>
    outcome.reject(
      new CliError(`${namespace}/${name} ${what}`, {
        code,
        exitCode,
        hint: `See:  noisefleet status ${name} -n ${namespace}`,
      }),
    );
  const see = (executor: StoredExecutor | undefined) => {
    if (executor === undefined) return fail('not_found', 'was deleted');
    const progress = progressOf(executor, mode, since);
    if (progress.type === 'done') outcome.resolve();
    if (progress.type === 'stalled') fail('stalled', `waits for somebody: ${progress.why}`);
    if (progress.type === 'waiting') last = progress.why;
  };
  const timer = clock.after(timeoutMs, () =>
    fail('not_ready', `is not ${mode} after ${Math.round(timeoutMs / 1000)} s: ${last}`, EXIT.notReady),
  );
  signal?.addEventListener('abort', () => outcome.reject(signal.reason), { once: true });
  followExecutor(api, { namespace, name }, { clock, signal: ended.signal, see }).catch(outcome.reject);
  try {
    await outcome.promise;
  } finally {
    timer.cancel();
    ended.abort();
  }
}
