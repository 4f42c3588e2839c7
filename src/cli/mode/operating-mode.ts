import { READY, REASONS, STALLED, type StoredExecutor } from '../../api/index.ts';
import { Informer, type ObjectApi } from '../../kube/index.ts';
import { type Clock, createLogger } from '../../telemetry/index.ts';
import { CliError } from '../client/cli-error.ts';
import { bindRole, explainApi } from '../cluster/api-refusal.ts';
import { executors, type Seen } from '../cluster/kinds.ts';
import { EXIT } from '../exit.ts';

export type OperatingMode = 'Running' | 'Suspended';

interface ObjectName {
  readonly namespace: string;
  readonly name: string;
}

/** Who changed the field, in `managedFields`: a person by this program, and not the operator. */
const FIELD_MANAGER = 'noisefleet-cli';

/**
 * Sets `spec.operatingMode`, which is the user's field, with the user's own rights.
 *
 * @returns the generation that has it
 * @throws CliError `forbidden`, `not_found`, `unauthenticated`, `api_unreachable`
 */
export async function setOperatingMode(api: ObjectApi, ref: ObjectName, mode: OperatingMode): Promise<number> {
  const patch = { type: 'merge', body: { spec: { operatingMode: mode } } } as const;
  try {
    const { metadata } = await api.patch(executors, ref, patch, { fieldManager: FIELD_MANAGER });
    return metadata.generation ?? 0;
  } catch (error) {
    throw explainApi(error, {
      forbidden: (subject) => bindRole('edit', ref.namespace, subject),
      notFound: {
        what: `there is no Executor ${ref.namespace}/${ref.name}`,
        hint: `Those there are:  noisefleet status -n ${ref.namespace} -o wide`,
      },
    });
  }
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
  const log = createLogger({ component: 'wait', level: 'silent' });
  const fieldSelector = `metadata.name=${name}`;
  const informer = new Informer<Seen<StoredExecutor>>({ api, resource: executors, fieldSelector, clock, log });
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
  informer.onChange(({ type, object }) => {
    if (type === 'deleted') return fail('not_found', 'was deleted');
    const progress = object.read && progressOf(object.read, mode, since);
    if (progress?.type === 'done') outcome.resolve();
    if (progress?.type === 'stalled') fail('stalled', `waits for somebody: ${progress.why}`);
    if (progress?.type === 'waiting') last = progress.why;
  });
  const timer = clock.after(timeoutMs, () =>
    fail('not_ready', `is not ${mode} after ${Math.round(timeoutMs / 1000)} s: ${last}`, EXIT.notReady),
  );
  signal?.addEventListener('abort', () => outcome.reject(signal.reason), { once: true });
  informer.follow([namespace]);
  informer.run(ended.signal).catch(outcome.reject);
  try {
    await outcome.promise;
  } finally {
    timer.cancel();
    ended.abort();
  }
}
