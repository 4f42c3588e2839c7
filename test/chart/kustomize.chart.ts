import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { objectsOf, program, type RenderedObject, render } from './helm.ts';

const INSTALL = fileURLToPath(new URL('../../config/install', import.meta.url));
const HEADER = '# Made by `UPDATE_GOLDEN=1 npm run chart` from charts/noisefleet: change that, not this.\n';

/** Those of kustomize's own folders: crds and config/rbac, which are made from the schemas. */
const ELSEWHERE = ['CustomResourceDefinition'];

function kustomize(): RenderedObject[] {
  return objectsOf(execFileSync(program('kubectl'), ['kustomize', INSTALL], { encoding: 'utf8' }));
}

/** What only Helm says of an object: that it is Helm's, of which chart, and that Helm shall keep it. */
function withoutHelm(object: RenderedObject): RenderedObject {
  const { labels = {}, annotations = {}, ...metadata } = object.metadata;
  const without = (map: Readonly<Record<string, string>>) =>
    Object.entries(map).filter(([key]) => !/^helm\.sh\/|\/managed-by$/.test(key));
  const kept = { labels: without(labels), annotations: without(annotations) };
  return {
    ...object,
    metadata: {
      ...metadata,
      ...(kept.labels.length > 0 && { labels: Object.fromEntries(kept.labels) }),
      ...(kept.annotations.length > 0 && { annotations: Object.fromEntries(kept.annotations) }),
    },
    ...(isDeployment(object) && { spec: podsWithoutHelm(object) }),
  };
}

function isDeployment({ kind }: RenderedObject): boolean {
  return kind === 'Deployment';
}

/** The labels of the Deployment's pods are Helm's as well. */
function podsWithoutHelm({ spec }: RenderedObject): unknown {
  return JSON.parse(JSON.stringify(spec), (key, value) =>
    key === 'labels'
      ? Object.fromEntries(Object.entries(value).filter(([name]) => !/^helm\.sh\/|\/managed-by$/.test(name)))
      : value,
  );
}

const nameOf = ({ kind, metadata }: RenderedObject) => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`;
const byName = (objects: readonly RenderedObject[]) => new Map(objects.map((object) => [nameOf(object), object]));

/** Roles for people and CRDs carry their labels where they are made; the chart adds its own. */
function content({ metadata: { labels: _, ...metadata }, ...object }: RenderedObject): object {
  return { ...object, metadata };
}

describe('config/install', () => {
  const chart = objectsOf(render()).map(withoutHelm);
  const roles = new Set(['view', 'edit', 'admin'].map((role) => `ClusterRole /noisefleet-${role}`));
  const own = chart.filter((object) => !ELSEWHERE.includes(object.kind) && !roles.has(nameOf(object)));

  it('has the objects that the chart renders, made from it', () => {
    const text = HEADER + own.map((object) => stringify(object)).join('---\n');
    const file = `${INSTALL}/operator.yaml`;
    if (process.env.UPDATE_GOLDEN === '1') writeFileSync(file, text);
    expect(readFileSync(file, 'utf8')).toBe(text);
  });

  it('renders by kustomize what the chart renders by Helm', () => {
    const [ours, helms] = [byName(kustomize()), byName(chart)];
    expect([...ours.keys()].sort()).toEqual([...helms.keys()].sort());
    for (const [name, object] of helms) {
      const other = ours.get(name);
      expect({ name, object: other && content(other) }).toEqual({ name, object: content(object) });
    }
    expect(own.map((object) => ours.get(nameOf(object)))).toEqual(own);
  });
});
