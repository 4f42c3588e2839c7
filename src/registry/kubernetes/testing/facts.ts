import { parseIncarnation, parseKeyId } from '../../../wire/index.ts';
import type { KeyState } from '../../directory/directory.ts';
import type { ExecutorFacts, GrantFacts } from '../cluster-objects.ts';

export const RELAY = { namespace: 'agents', name: 'main' };

export const POD = { name: 'build-abc', uid: 'pod-uid-1' };

/** `team-a/build` of the relay `agents/main`, with a pod and one key. */
export function someExecutor(change: Partial<ExecutorFacts> = {}): ExecutorFacts {
  return {
    namespace: 'team-a',
    name: 'build',
    labels: { tier: 'ci' },
    relay: RELAY,
    runtime: 'BuiltIn',
    accepted: true,
    fence: parseIncarnation(POD.uid),
    keys: [],
    registrationTokens: [],
    ...change,
  };
}

/** `team-a/ci`: the ServiceAccount `team-a/runner` may use whatever is labelled `tier=ci`. */
export function someGrant(change: Partial<GrantFacts> = {}): GrantFacts {
  return {
    namespace: 'team-a',
    name: 'ci',
    identities: ['sa:team-a/runner'],
    namespaces: [],
    selector: { matchLabels: { tier: 'ci' } },
    expiresAt: Number.POSITIVE_INFINITY,
    ...change,
  };
}

export function someKey(letter: string, state: KeyState = 'Active') {
  const fingerprint = `SHA256:${letter.repeat(43)}` as ExecutorFacts['keys'][number]['fingerprint'];
  return { id: parseKeyId('k1'), fingerprint, state };
}
