import { afterAll, beforeAll } from 'vitest';
import { clusterCommand } from '../cluster-fixture.ts';

/** A node with power, its images, and Ready. Milliseconds. */
const NODE_LIMIT_MS = 120_000;

/** Node 2 for the suite around it. To be called before anything that has pods there: what is called first is taken away last. */
export function useSecondNode(): void {
  beforeAll(() => clusterCommand('node', 'add', '2'), NODE_LIMIT_MS);
  afterAll(() => clusterCommand('node', 'remove', '2'), NODE_LIMIT_MS);
}
