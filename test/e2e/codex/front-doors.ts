import { z } from 'zod';
import type { Kubectl } from '../kubectl.ts';

/** Names by which the world knows registry and relay. */
export const EXTERNAL = { registryHostname: 'registry.agents.test', relayHostname: 'relay.agents.test' };

const service = z.looseObject({
  spec: z.looseObject({ clusterIP: z.string(), selector: z.record(z.string(), z.string()) }),
});
const services = z.looseObject({ items: z.array(service) });
const relay = z.looseObject({
  status: z.looseObject({
    addresses: z.array(z.looseObject({ type: z.string(), registryURL: z.string(), caBundle: z.string().optional() })),
  }),
});

export interface FrontDoors {
  /** Lines for `/etc/hosts`. */
  readonly hosts: string;
  readonly registryURL: string;
  readonly caBundle: string;
}

/**
 * What a platform team puts before registry and relay of `main`: an address with port 443 for each, TLS passed through. Here Services, whose
 * addresses this machine reaches though it is not in the pod network.
 */
export async function frontDoors(kubectl: Kubectl, namespace: string): Promise<FrontDoors> {
  const ports = { registry: 8443, relay: 8444 };
  const lines: string[] = [];
  for (const [component, targetPort] of Object.entries(ports)) {
    const name = `front-${component}`;
    const label = `app.kubernetes.io/component=${component}`;
    const own = services.parse(await kubectl.get('services', '-l', label)).items[0];
    if (own === undefined) throw new Error(`no Service of the ${component} in ${namespace}`);
    const spec = { selector: own.spec.selector, ports: [{ port: 443, targetPort }] };
    await kubectl.apply({ apiVersion: 'v1', kind: 'Service', metadata: { name }, spec });
    const { clusterIP } = service.parse(await kubectl.get('service', name)).spec;
    lines.push(`${clusterIP} ${component === 'registry' ? EXTERNAL.registryHostname : EXTERNAL.relayHostname}`);
  }
  const { addresses } = relay.parse(await kubectl.get('relay', 'main')).status;
  const external = addresses.find(({ type }) => type === 'External');
  if (external?.caBundle === undefined) throw new Error('the Relay says no external address');
  const hosts = ['127.0.0.1 localhost', ...lines].map((line) => `${line}\n`).join('');
  return { hosts, registryURL: external.registryURL, caBundle: external.caBundle };
}
