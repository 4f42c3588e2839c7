import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { places } from '../../cluster/places.ts';
import type { Kubectl } from '../kubectl.ts';
import type { KeyBytes } from './key-bytes.ts';
import { memoryOf, processesUnder } from './machine-places.ts';
import type { Place } from './needles.ts';

/** Logs and metrics of a pod that writes much, and every object of the cluster. Seconds. */
const LONG_CALL_SECONDS = 60;

const list = z.object({
  items: z.array(
    z.looseObject({
      kind: z.string(),
      metadata: z.looseObject({ name: z.string(), namespace: z.string().optional() }),
      data: z.record(z.string(), z.string()).nullish(),
    }),
  ),
});
const port = z.looseObject({ name: z.string().optional(), containerPort: z.number() });
const podList = z.object({
  items: z.array(
    z.looseObject({
      metadata: z.looseObject({ name: z.string(), namespace: z.string(), uid: z.string() }),
      spec: z.looseObject({ containers: z.array(z.looseObject({ ports: z.array(port).default([]) })) }),
    }),
  ),
});

/** Every object that the API server has, of every kind; of Secrets also what their data is when it is decoded. */
export async function objectsOf(kubectl: Kubectl): Promise<Place[]> {
  const kinds = (await kubectl.run(['api-resources', '--verbs=list', '-o', 'name'])).trim().split('\n');
  const get = ['get', kinds.join(), '--all-namespaces', '-o', 'json', '--show-managed-fields'];
  const { items } = list.parse(JSON.parse(await kubectl.run(get, { seconds: LONG_CALL_SECONDS })));
  return items.flatMap((object) => {
    const { kind, metadata, data } = object;
    const where = `${kind} ${metadata.namespace ?? ''}/${metadata.name}`;
    const sort = /^(Event|Executor|Secret)$/.test(kind) ? kind : 'other objects';
    const decoded = kind === 'Secret' ? Object.values(data ?? {}).map((value) => Buffer.from(value, 'base64')) : [];
    return [{ sort, where, bytes: Buffer.concat([Buffer.from(JSON.stringify(object)), ...decoded]) }];
  });
}

/** What every container of these namespaces has logged, and the metrics of those that have any. */
export async function logsAndMetrics(kubectl: Kubectl, namespaces: readonly string[]): Promise<Place[]> {
  const { items } = podList.parse(await kubectl.get('pods', '--all-namespaces'));
  const ours = items.filter(({ metadata }) => namespaces.includes(metadata.namespace));
  const found: Place[] = [];
  for (const { metadata, spec } of ours) {
    const { name, namespace } = metadata;
    const logs = ['logs', name, '--namespace', namespace, '--all-containers', '--tail=-1'];
    found.push(await textOf(kubectl, 'logs', `log of ${name}`, logs));
    const ports = spec.containers.flatMap((each) => each.ports);
    for (const { containerPort } of ports.filter((each) => each.name?.includes('admin'))) {
      const path = `/api/v1/namespaces/${namespace}/pods/${name}:${containerPort}/proxy/metrics`;
      found.push(await textOf(kubectl, 'metrics', `metrics of ${name}`, ['get', '--raw', path]));
    }
  }
  return found;
}

/** What of private keys is in the memory of every process of each pod of a component. */
export async function inMemoryOf(kubectl: Kubectl, component: string, keyBytes: KeyBytes) {
  const { items } = podList.parse(await kubectl.get('pods', '-l', `app.kubernetes.io/component=${component}`));
  return items.map(({ metadata: { name: pod, uid } }) => {
    const processes = processesUnder(uid);
    if (processes.length === 0) throw new Error(`${pod} has no process on this machine`);
    const found = [...memoryOf(pod, processes)].flatMap((place) => keyBytes.in(place));
    return { pod, found: [...new Set(found)] };
  });
}

/** What the API server has written down of everything that ServiceAccounts asked it. */
export function auditLog(): Place {
  return { sort: 'audit', where: 'audit log', bytes: readFileSync(join(places().state, 'audit.log')) };
}

async function textOf(kubectl: Kubectl, sort: string, where: string, args: readonly string[]): Promise<Place> {
  return { sort, where, bytes: Buffer.from(await kubectl.run(args, { seconds: LONG_CALL_SECONDS })) };
}
