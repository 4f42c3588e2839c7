import type { RegistryContext } from '../context.ts';
import type { Call } from './call.ts';

/** Resolves at the next change of the call's environment, at `until` (ms since the epoch), or when the caller hung up. */
export function changeOrTime({ environmentId, gone }: Call, until: number, context: RegistryContext): Promise<void> {
  const { clock, changes } = context;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = clock.after(until - clock.now(), resolve);
  const stop = environmentId === undefined ? undefined : changes.next(environmentId, resolve);
  gone.addEventListener('abort', () => resolve(), { once: true });
  return promise.finally(() => {
    timer.cancel();
    stop?.();
  });
}
