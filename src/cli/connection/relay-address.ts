import type { RelayStatus, StoredExecutor, StoredRelay } from '../../api/index.ts';
import type { ObjectApi } from '../../kube/index.ts';
import { CliError } from '../client/cli-error.ts';
import { bindRole, explainApi } from '../cluster/api-refusal.ts';
import type { ObjectName } from '../cluster/executor-object.ts';
import { relays } from '../cluster/kinds.ts';
import { EXIT } from '../exit.ts';
import type { AddressType } from './flags.ts';
import type { KnownRegistry } from './way.ts';

type Address = RelayStatus['addresses'][number];

/** What helps who may not read them. */
export const WITHOUT_READING = [
  'Or do without: name the registry with --registry URL and --ca-file FILE, or have your platform team write it down for you:',
  '  noisefleet config export RELAY -n NAMESPACE > ~/.config/noisefleet/config.yaml',
].join('\n');

/**
 * The registry of the Relay that an Executor uses, as the Relay's status says it.
 *
 * @throws CliError `relay_unknown` when the Executor has none yet, `no_address`, `forbidden`, `not_found`, …
 */
export async function registryOfExecutor(
  api: ObjectApi,
  { metadata, spec }: StoredExecutor,
  { asked, inCluster }: { asked: AddressType | undefined; inCluster: boolean },
): Promise<KnownRegistry> {
  const namespace = spec.relayRef.namespace ?? metadata.namespace;
  const { name } = spec.relayRef;
  const { addresses } = (await readRelayObject(api, { namespace, name })).status;
  const address = chooseAddress(addresses, { asked, inCluster });
  if (address !== undefined) {
    const { registryURL: url, caBundle } = address;
    return { url, ...(caBundle !== undefined && { caBundle }) };
  }
  if (addresses.length === 0) {
    throw new CliError(`Relay ${namespace}/${name} has no address yet`, {
      code: 'not_ready',
      exitCode: EXIT.notReady,
      hint: `See what it waits for:  noisefleet status -n ${namespace}`,
    });
  }
  throw new CliError(`Relay ${namespace}/${name} has no ${asked?.toLowerCase()} address`, {
    code: 'no_address',
    hint: asked === 'External' ? 'Its owner sets spec.external.' : 'Leave out --address.',
  });
}

/** @throws CliError `forbidden`, `not_found`, `unauthenticated`, `api_unreachable` */
export async function readRelayObject(api: ObjectApi, { namespace, name }: ObjectName): Promise<StoredRelay> {
  try {
    const { read, problem } = await api.get(relays, { namespace, name });
    if (read !== undefined) return read;
    throw new CliError(problem ?? '', { code: 'unreadable_resource', hint: 'Use the release that the cluster has.' });
  } catch (error) {
    throw explainApi(error, {
      forbidden: (subject) => `${bindRole('view', namespace, subject)}\n${WITHOUT_READING}`,
      notFound: { what: `there is no Relay ${namespace}/${name}` },
    });
  }
}

/** The one that was asked for; else External where there is one and we are outside; else Internal. */
export function chooseAddress(
  addresses: readonly Address[],
  { asked, inCluster }: { asked: AddressType | undefined; inCluster: boolean },
): Address | undefined {
  const of = (type: AddressType) => addresses.find((address) => address.type === type);
  if (asked !== undefined) return of(asked);
  return inCluster ? (of('Internal') ?? of('External')) : (of('External') ?? of('Internal'));
}
