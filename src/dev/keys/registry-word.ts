import type { HeardKeys } from '../../keys/index.ts';
import { ENVIRONMENTS_PATH, type EnvironmentReport, registryToOperator } from '../../wire/index.ts';
import { readFileIfThere } from '../state/atomic-file.ts';

/** It is on this machine; the next round asks again. Milliseconds. */
const ANSWER_MS = 2_000;

/** What the registry says of executors, by environment id. */
export type RegistryWord = ReadonlyMap<string, EnvironmentReport>;

/** Undefined: it does not answer now, or has not heard from its relay yet, so that what it does not mention may still be there. */
export async function askRegistry(registryUrl: string, secretFile: string): Promise<RegistryWord | undefined> {
  const authorization = `Bearer ${readFileIfThere(secretFile) ?? ''}`;
  const text = await fetch(registryUrl + ENVIRONMENTS_PATH, {
    headers: { authorization },
    signal: AbortSignal.timeout(ANSWER_MS),
  })
    .then((answer) => (answer.ok ? answer.text() : ''))
    .catch(() => '');
  const messages = text.split('\n').flatMap((line) => (line === '' ? [] : (registryToOperator.parse(line) ?? [])));
  if (!messages.some((message) => message.type === 'synced' && message.complete)) return undefined;
  const reports = messages.flatMap((message) => (message.type === 'environment' ? [message.environment] : []));
  return new Map(reports.map((report) => [report.environmentId, report]));
}

/** What is known of the keys of an executor outside of its folder. `incarnation`: of the processes that run for it now. */
export function heardKeys(
  word: RegistryWord | undefined,
  environmentId: string,
  incarnation: string | undefined,
): HeardKeys {
  const { registrations = [], denies = [], revoked = [], loaded } = word?.get(environmentId) ?? {};
  const present = registrations.filter((each) => each.incarnation === incarnation);
  const acknowledged = revoked.map((fingerprint) => {
    const own = denies.filter(({ match }) => 'fingerprint' in match && match.fingerprint === fingerprint);
    const said = own.flatMap(({ acknowledgements }) => acknowledgements);
    const counts = said.filter((each) => each.incarnation === undefined || each.incarnation === incarnation);
    return [fingerprint, new Set([THE_REGISTRY, ...counts.map(({ by }) => by)])] as const;
  });
  return {
    known: word !== undefined,
    present: new Set(present.map(({ fingerprint }) => fingerprint)),
    live: new Set(registrations.map(({ fingerprint }) => fingerprint)),
    acknowledged: new Map(acknowledged),
    registries: [THE_REGISTRY],
    sidecars: incarnation === undefined ? [] : [`sidecar of ${environmentId}`],
    relays: [],
    loaded: loaded && new Set(loaded),
  };
}

/** There is one. */
const THE_REGISTRY = 'registry';
