import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe } from 'vitest';
import type { ObjectApi } from '../../client/api.ts';
import { customResourceDefinitions, namespaces } from '../../objects/builtin.ts';
import { describeMending, describeNoOps } from './applier.ts';
import { describeAppliedParts, describeApply } from './apply.ts';
import { describeDeletes } from './deletes.ts';
import { describeDocuments } from './documents.ts';
import { describeKeyedLists } from './keyed-lists.ts';
import { describeReads } from './reads.ts';
import { eventually } from './support.ts';
import { describeTimes } from './times.ts';
import { describeWatches } from './watches.ts';
import { widgetDefinition, widgets } from './widget.ts';
import { describeWrites } from './writes.ts';

export interface ConformanceTarget {
  readonly api: ObjectApi;
  close(): Promise<void>;
}

/**
 * What the rest of the product relies on of an object API. One suite for the API in memory and for a real API server: what it does not say is not
 * relied on.
 */
export function describeObjectApi(name: string, connect: () => Promise<ConformanceTarget>): void {
  describe(`the object API: ${name}`, () => {
    const namespace = `conformance-${randomUUID().slice(0, 8)}`;
    let target: ConformanceTarget;
    let api: ObjectApi;

    beforeAll(async () => {
      target = await connect();
      api = target.api;
      await api.create(namespaces, { metadata: { name: namespace } });
      await api.apply(customResourceDefinitions, widgetDefinition, { fieldManager: 'conformance', force: true });
      await eventually(() => api.list(widgets, { namespace }));
    });
    afterAll(async () => {
      await api?.delete(namespaces, { name: namespace });
      await target?.close();
    });

    const parts = [describeReads, describeWrites, describeDeletes, describeApply, describeAppliedParts];
    const further = [describeKeyedLists, describeWatches, describeTimes, describeDocuments];
    for (const part of [...parts, ...further, describeNoOps, describeMending]) {
      part(() => ({ api, namespace }));
    }
  });
}
