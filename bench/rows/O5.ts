import { setTimeout as delay } from 'node:timers/promises';
import { executor, FLEET_NAMESPACE, type Installation, onInstallation, relay } from '../cluster/installation.ts';
import { samplesOf, sumOf } from '../cluster/metrics.ts';
import type { Row } from '../row.ts';

const MINUTES = 3;
const MINUTE_MS = 60_000;

/** After everything is Ready: conditions, events and caches have settled. Milliseconds. */
const SETTLED_MS = 30_000;

/**
 * What operator and registry may write by the chart's rights, without Leases (that is the election) and without reviews (nothing is stored).
 * Kubernetes writes some of these too, to their status: those calls name a subresource.
 */
const WRITTEN = [
  ...['relays', 'executors', 'executorgrants', 'pods', 'secrets', 'configmaps', 'services', 'serviceaccounts'],
  ...['deployments', 'networkpolicies', 'poddisruptionbudgets', 'persistentvolumeclaims', 'events'],
];
const OURS_WITH_SUBRESOURCE = ['relays', 'executors', 'executorgrants'];
const WRITE_VERBS = ['POST', 'PUT', 'PATCH', 'APPLY', 'DELETE', 'DELETECOLLECTION'];

export const row: Row = {
  id: 'O5',
  what: 'writes to the API server at rest by two operators, registry, relay and a sidecar, without Leases',
  unit: '/min',
  must: 0,
  goal: 0,
  direction: '<=',
  peer: 'nothing',
  run: () =>
    onInstallation({ operator: 'pods' }, async (installation) => {
      await installation.apply(relay('main'), executor('build', 'main'));
      const { kubectl } = installation.tools;
      await kubectl('wait', '-n', FLEET_NAMESPACE, '--for=condition=Ready', 'executor/build', '--timeout=300s');
      await delay(SETTLED_MS);
      const ratios: number[] = [];
      for (let minute = 0; minute < MINUTES; minute++) {
        const before = await writes(installation);
        await delay(MINUTE_MS);
        ratios.push((await writes(installation)) - before);
      }
      return { ratios };
    }),
};

/** Since the API server started (its own metric, which counts refused writes too). */
async function writes({ tools }: Installation): Promise<number> {
  const samples = samplesOf(await tools.kubectl('get', '--raw', '/metrics'), 'apiserver_request_total');
  const counted = samples.filter(({ labels: { verb = '', resource = '', subresource = '' } }) => {
    if (!WRITE_VERBS.includes(verb) || !WRITTEN.includes(resource)) return false;
    return subresource === '' || OURS_WITH_SUBRESOURCE.includes(resource);
  });
  return sumOf(counted);
}
