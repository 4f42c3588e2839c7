import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { describeProblem, parseManifests, readExecutor, readExecutorGrant, readRelay } from '../../src/api/index.ts';
import { fullStatuses } from './statuses.ts';

const folder = new URL('./valid/', import.meta.url);
const files = readdirSync(folder).map((file) => ({ file, text: readFileSync(new URL(file, folder), 'utf8') }));

describe('valid manifests', () => {
  it.each(files.map((source) => [source.file, source] as const))('%s is taken', (_file, source) => {
    const { problems, resources } = parseManifests([source]);
    expect(problems.map(describeProblem)).toEqual([]);
    expect(resources.length).toBeGreaterThanOrEqual(3);
  });

  it('are read again from the API server, with a status that says everything', () => {
    const { resources } = parseManifests(files);
    const read = { Relay: readRelay, Executor: readExecutor, ExecutorGrant: readExecutorGrant } as const;
    for (const resource of resources) {
      const { metadata, kind } = resource;
      const server = { uid: 'u', resourceVersion: '1', generation: 1, creationTimestamp: '2026-11-21T08:00:00Z' };
      const stored = read[kind]({ ...resource, metadata: { ...metadata, ...server }, status: fullStatuses[kind] });
      expect(stored).toMatchObject({ spec: resource.spec, status: fullStatuses[kind] });
    }
  });
});
