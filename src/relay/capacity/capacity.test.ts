import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS } from '../limits.ts';
import { capacityOf } from './capacity.ts';
import { memoryIn, openFilesIn } from './machine.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

describe('the capacity of a relay', () => {
  it.each([
    // memory, files, sockets, unfinished, begun, backlog, uploads (MiB)
    [256 * MIB, 1_048_576, 768, 8_192, 128, 60, 10],
    [512 * MIB, 1_048_576, 1_996, 8_192, 332, 156, 26],
    [GIB, 1_048_576, 4_454, 8_192, 742, 348, 58],
    [2 * GIB, 1_048_576, 9_369, 8_192, 1_024, 732, 122],
    [64 * GIB, 1_048_576, 20_000, 8_192, 1_024, 1_024, 256],
    [64 * GIB, 1_024, 600, 240, 1_024, 1_024, 256],
    [64 * GIB, 20_000, 12_904, 4_984, 1_024, 1_024, 256],
    [64 * MIB, 1_048_576, 0, 8_192, 16, 0, 0],
  ])('in %d bytes of memory with %d files', (memoryBytes, openFiles, sockets, unfinished, begun, backlog, uploads) => {
    const capacity = capacityOf({ memoryBytes, openFiles });

    expect(capacity).toMatchObject({
      ...{ maxSockets: sockets, maxUnfinishedSockets: unfinished, maxBegunSockets: begun },
      socketsPerIdentity: Math.ceil(sockets / 2),
    });
    expect(Math.floor(capacity.processBacklogBytes / MIB)).toBe(backlog);
    expect(Math.floor(capacity.processUploadBytes / MIB)).toBe(uploads);
  });

  it('is that of the defaults where nothing is known to be less', () => {
    const { maxSockets, processBacklogBytes, maxPendingUpgrades, socketsPerIdentity } = DEFAULT_LIMITS;

    expect(capacityOf({ memoryBytes: 64 * GIB, openFiles: Number.POSITIVE_INFINITY })).toMatchObject({
      ...{ maxSockets, processBacklogBytes, maxPendingUpgrades, socketsPerIdentity },
    });
  });

  it('never promises more memory or files than there are', () => {
    const machine = fc.record({ memoryBytes: fc.nat(8 * GIB), openFiles: fc.nat(100_000) });
    fc.assert(
      fc.property(machine, ({ memoryBytes, openFiles }) => {
        const capacity = capacityOf({ memoryBytes, openFiles });
        const { maxSockets, maxUnfinishedSockets, maxPendingUpgrades } = capacity;
        const { processBacklogBytes, processUploadBytes } = capacity;

        expect(maxSockets + maxUnfinishedSockets + maxPendingUpgrades).toBeLessThanOrEqual(openFiles);
        const tls = (maxSockets + capacity.maxBegunSockets) * 63 * 1024;
        // Twice: messages that are sent only in part have as much again.
        const promised = tls + processBacklogBytes + 2 * processUploadBytes;
        if (memoryBytes > 100 * MIB) expect(promised).toBeLessThanOrEqual(memoryBytes);
        for (const each of Object.values(capacity)) expect(each).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});

describe('what the machine allows', () => {
  it.each([
    ['the container’s limit', 300 * MIB, 300 * MIB],
    ['the machine’s memory where no limit is known', 0, GIB],
    ['the machine’s memory where the limit is "max"', 2 ** 64, GIB],
  ])('is %s', (_what, container, allowed) => {
    expect(memoryIn(container, GIB)).toBe(allowed);
  });

  it.each([
    ['Max open files            1024                 524288               files     ', 1_024],
    ['Max open files            unlimited            unlimited            files     ', Number.POSITIVE_INFINITY],
    ['', Number.POSITIVE_INFINITY],
  ])('is the soft limit of files in %j', (line, files) => {
    expect(openFilesIn(`Limit                     Soft Limit           Hard Limit           Units\n${line}\n`)).toBe(
      files,
    );
  });
});
