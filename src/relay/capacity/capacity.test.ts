import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS } from '../limits.ts';
import { capacityOf } from './capacity.ts';
import { memoryIn, openFilesIn } from './machine.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

describe('the capacity of a relay', () => {
  it.each([
    // memory, files, sockets, unfinished, backlog, uploads (MiB)
    [256 * MIB, 1_048_576, 768, 2_048, 60, 10],
    [512 * MIB, 1_048_576, 1_996, 2_048, 156, 26],
    [GIB, 1_048_576, 4_454, 2_048, 348, 58],
    [2 * GIB, 1_048_576, 9_369, 2_048, 732, 122],
    [64 * GIB, 1_048_576, 20_000, 2_048, 1_024, 256],
    [64 * GIB, 1_024, 720, 120, 1_024, 256],
    [64 * GIB, 20_000, 15_840, 2_048, 1_024, 256],
    [64 * MIB, 1_048_576, 0, 2_048, 0, 0],
  ])('in %d bytes of memory with %d files', (memoryBytes, openFiles, sockets, unfinished, backlog, uploads) => {
    const capacity = capacityOf({ memoryBytes, openFiles });

    expect(capacity).toMatchObject({ maxSockets: sockets, maxUnfinishedSockets: unfinished });
    expect(Math.floor(capacity.processBacklogBytes / MIB)).toBe(backlog);
    expect(Math.floor(capacity.processUploadBytes / MIB)).toBe(uploads);
    expect(capacity.socketsPerIdentity).toBe(Math.ceil(sockets / 2));
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
        const idle = maxSockets * 63 * 1024;
        expect(idle + processBacklogBytes + processUploadBytes).toBeLessThanOrEqual(memoryBytes);
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
