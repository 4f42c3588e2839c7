import { describe, expect, it } from 'vitest';
import { describeProblem, parseManifests, REASONS } from '../../src/api/index.ts';
import { readInvalidManifests } from './invalid-manifests.ts';

const invalid = readInvalidManifests();
const problemsOf = (file: string, text: string) => parseManifests([{ file, text }]).problems.map(describeProblem);

const refused = invalid.filter(
  ({ documents, refused, here }) => documents.length === 1 && (refused ?? here) !== undefined,
);
const accepted = invalid.filter((manifest) => !refused.includes(manifest));

describe('invalid manifests', () => {
  it('are at least sixty, for every kind', () => {
    expect(refused.length).toBeGreaterThanOrEqual(60);
    const kinds = new Set(refused.map(({ documents }) => /^kind: (\w+)$/m.exec(documents[0])?.[1]));
    expect([...kinds].sort()).toEqual(['Executor', 'ExecutorGrant', 'Relay']);
  });

  it.each(refused.map((manifest) => [manifest.file, manifest] as const))(
    '%s is refused once, as it says',
    (file, manifest) => {
      expect(problemsOf(file, manifest.documents[0])).toEqual([
        expect.stringContaining(manifest.here ?? manifest.refused ?? ''),
      ]);
    },
  );

  it.each(accepted.map((manifest) => [manifest.file, manifest] as const))(
    '%s is right as far as a file alone can tell',
    (file, { documents }) => {
      for (const document of documents) expect(problemsOf(file, document)).toEqual([]);
    },
  );

  it('name only reasons that there are', () => {
    const named = invalid.flatMap(({ stalled }) => (stalled === undefined ? [] : [stalled]));
    expect(named.filter((reason) => !Object.values<string>(REASONS).includes(reason))).toEqual([]);
  });
});
