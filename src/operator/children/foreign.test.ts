import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  configMaps,
  deployments,
  type KubeObject,
  networkPolicies,
  type Resource,
  secrets,
  serviceAccounts,
  services,
} from '../../kube/index.ts';
import { relayNames } from '../relay/names.ts';
import { OperatorFixture } from '../testing/fixture.ts';

const names = relayNames({ name: 'main' });

let cluster: OperatorFixture;
beforeEach(async () => {
  cluster = new OperatorFixture();
  await cluster.start();
});
afterEach(() => cluster.stop());

describe('a Relay', () => {
  it.each<[string, Resource<KubeObject>, string]>([
    ['Deployment', deployments, names.relay],
    ['Service', services, names.registryPeers],
    ['ServiceAccount', serviceAccounts, names.relayServiceAccount],
    ['NetworkPolicy', networkPolicies, names.registry],
    ['ConfigMap', configMaps, names.bundle],
    ['Secret of ticket keys', secrets, names.ticketKeys],
    ['Secret of authorities', secrets, names.authority],
  ])('leaves a foreign %s of the name that it needs alone, and says so', async (_what, resource, name) => {
    const ref = { namespace: 'agents', name };
    const foreign = await cluster.api.create(resource, { metadata: ref });

    await cluster.applyRelay();
    await cluster.eventually('Stalled', async () => {
      const { status } = await cluster.relay();
      return status.conditions.find(({ type, reason }) => type === 'Stalled' && reason === 'NotOwned');
    });

    expect(await cluster.api.get(resource, ref)).toEqual(foreign);
  });
});
