import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CLUSTER, clusterSteps, downSteps, productSteps, taggedBy } from './kind-steps.ts';

const ROOT = dirname(import.meta.dirname);
const ID = `sha256:${'0123456789abcdef'.repeat(4)}`;

describe('npm run kind', () => {
  it('makes a cluster where there is none, and takes the one that is there', () => {
    expect(clusterSteps(['other', ''])).toEqual([expect.arrayContaining(['create', CLUSTER, 'config/kind.yaml'])]);
    expect(clusterSteps(['other', CLUSTER, ''])).toEqual([]);
    expect(downSteps()).toEqual([['kind', 'delete', 'cluster', '--name', CLUSTER]]);
  });

  it('gives each image a tag of its content, and the chart that very one', () => {
    const { name, tag } = taggedBy(ID);
    expect(tag).toBe('kind-0123456789ab');
    const [tagging, load, helm] = productSteps(ID);
    expect(tagging?.at(-1)).toBe(name);
    expect(load).toContain(name);
    expect(helm).toContain(`image.tag=${tag}`);
    expect(taggedBy(ID.replaceAll('0', '1')).name).not.toBe(name);
  });

  it('names only files that are there', () => {
    const words = [...clusterSteps([]), ...productSteps(ID)].flat();
    const files = words.filter((word) => /^(config|charts|packaging)\//.test(word));
    expect(files).toHaveLength(3);
    for (const file of files) expect(existsSync(join(ROOT, file))).toBe(true);
  });

  it('never talks to another cluster than its own', () => {
    for (const [program, ...args] of productSteps(ID)) {
      if (program === 'kubectl' || program === 'helm') expect(args.join(' ')).toContain(`context kind-${CLUSTER}`);
    }
  });
});
