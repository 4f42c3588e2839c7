import { describe, expect, it } from 'vitest';
import { BufferCollector } from './buffer-collector.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('BufferCollector', () => {
  it('collects once after 2 MiB, when the event loop comes round', async () => {
    let collections = 0;
    const collector = new BufferCollector(() => {
      collections += 1;
    });

    for (let i = 0; i < 32; i += 1) collector.count(65_536);
    expect(collections).toBe(0);
    await turn();
    expect(collections).toBe(1);
    collector.count(65_536);
    await turn();
    expect(collections).toBe(1);
  });

  it('frees what large messages lay in', async () => {
    const collector = new BufferCollector();
    const before = process.memoryUsage().arrayBuffers;

    for (let i = 0; i < 2_000; i += 1) {
      collector.count(Buffer.allocUnsafeSlow(65_536).length);
      if (i % 32 === 0) await turn();
    }

    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32 * 1024 * 1024);
  });
});
