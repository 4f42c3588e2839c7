import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { costOf, decodeEntries, type Entry, encodeEntries } from './block.ts';
import { ByteBudget } from './budget.ts';
import { OutputLog, type OutputLogLimits } from './output-log.ts';

const directory = mkdtempSync(join(tmpdir(), 'output-log-'));
afterAll(() => rmSync(directory, { recursive: true }));

const open: OutputLog[] = [];
afterEach(() => {
  for (const log of open.splice(0)) log.close();
});

const limits: OutputLogLimits = { block: 4_096, memory: 16_384, retention: 65_536, unsent: 1_048_576 };

interface LogSetup {
  limits?: Partial<OutputLogLimits>;
  spillDirectory?: string | undefined;
  spillBytes?: number;
  onRoom?: () => void;
  onSpillFailure?: (error: unknown) => void;
}

function logWith(setup: LogSetup = {}) {
  const spillBudget = new ByteBudget(setup.spillBytes ?? 1 << 30);
  const memoryBudget = new ByteBudget(1 << 30);
  const log = new OutputLog({
    spillDirectory: 'spillDirectory' in setup ? setup.spillDirectory : directory,
    spillBudget,
    memoryBudget,
    onRoom: setup.onRoom ?? (() => undefined),
    onSpillFailure: setup.onSpillFailure ?? (() => undefined),
    limits: { ...limits, ...setup.limits },
  });
  open.push(log);
  return { log, spillBudget, memoryBudget };
}

async function read(log: OutputLog, seq: number): Promise<Entry> {
  const entry = await log.at(seq);
  if (!entry) throw new Error(`nothing at ${seq}`);
  return entry;
}

function bytesOf(seq: number, length: number): Buffer {
  return Buffer.alloc(length, `${seq}.`);
}

describe('OutputLog', () => {
  it('numbers output, exit and close from 1 without gaps', async () => {
    const { log } = logWith();
    log.append('stdout', Buffer.from('a'));
    log.append('exited', Buffer.alloc(4));
    log.append('closed', Buffer.alloc(0));
    expect([(await read(log, 1)).kind, (await read(log, 2)).kind, (await read(log, 3)).kind]).toEqual([
      'stdout',
      'exited',
      'closed',
    ]);
    expect(log.at(4)).toBeUndefined();
  });

  it('cuts output longer than a chunk', async () => {
    const { log } = logWith();
    log.append('stdout', Buffer.alloc(150_000, 'x'));
    expect(log.nextSeq).toBe(4);
    expect((await read(log, 3)).bytes.length).toBe(150_000 - 2 * 65_536);
  });

  it('leaves no name in the spill directory', async () => {
    const { log, spillBudget } = logWith();
    for (let seq = 1; seq <= 100; seq++) log.append('stdout', bytesOf(seq, 1000));
    await expect.poll(() => spillBudget.used).toBeGreaterThan(0);
    expect(readdirSync(directory)).toEqual([]);
    log.close();
    await expect.poll(() => spillBudget.used).toBe(0);
  });

  it('is full at its unsent limit, and tells when there is room again', async () => {
    let rooms = 0;
    const { log, memoryBudget } = logWith({ limits: { unsent: 100_000 }, onRoom: () => rooms++ });
    while (log.nextSeq * costOf(1000) < 100_000) {
      log.append('stdout', bytesOf(log.nextSeq, 1000));
      await new Promise((resolve) => setImmediate(resolve));
    }
    log.append('stdout', bytesOf(log.nextSeq, 1000));
    await expect.poll(() => memoryBudget.used).toBeLessThan(2 * limits.memory);
    expect(log.full).toBe(true);
    log.markSent(await read(log, 1));
    log.markSent(await read(log, 2));
    expect(log.full).toBe(false);
    await expect.poll(() => rooms).toBeGreaterThanOrEqual(1);
  });

  it('stops at twice its memory where nothing can be spilled, and drops what was sent instead of stopping', async () => {
    const { log, memoryBudget } = logWith({ spillDirectory: undefined });
    for (let seq = 1; !log.full; seq++) log.append('stdout', bytesOf(seq, 1000));
    expect(memoryBudget.used).toBeLessThan(2 * limits.memory + costOf(1000));
    while (log.sentSeq < log.nextSeq - 1) log.markSent(await read(log, log.sentSeq + 1));
    await expect.poll(() => log.full).toBe(false);
    expect(log.firstSeq).toBeGreaterThan(1);
  });

  it('goes on within memory when the spill directory cannot be written, and says so once', async () => {
    const failures: unknown[] = [];
    const { log } = logWith({ spillDirectory: '/nowhere/at/all', onSpillFailure: (error) => failures.push(error) });
    for (let seq = 1; seq < 200 && !log.full; seq++) log.append('stdout', bytesOf(seq, 1000));
    await expect.poll(() => failures.length).toBe(1);
    expect((await read(log, 1)).bytes.equals(bytesOf(1, 1000))).toBe(true);
  });

  it('waits for the spill files of others, and goes on when they give way', async () => {
    const { log, spillBudget } = logWith({ spillBytes: 300_000 });
    expect(spillBudget.take(300_000)).toBe(true);
    for (let seq = 1; !log.full; seq++) log.append('stdout', bytesOf(seq, 1000));
    spillBudget.give(300_000);
    await expect.poll(() => log.full).toBe(false);
    expect((await read(log, 1)).bytes.equals(bytesOf(1, 1000))).toBe(true);
  });

  it('keeps what was sent for the retention, in any volume, and the file no larger than that', async () => {
    const { log, spillBudget } = logWith();
    for (let seq = 1; seq <= 2_000; seq++) {
      log.append('stdout', bytesOf(seq, 1000));
      log.markSent(await read(log, seq));
    }
    expect(log.retained).toBeGreaterThanOrEqual(limits.retention);
    expect(log.retained).toBeLessThan(limits.retention + 2 * limits.block);
    expect(spillBudget.used).toBeLessThan(100 * 262_144);
    for (let seq = log.firstSeq; seq <= 2_000; seq++) {
      expect((await read(log, seq)).bytes.equals(bytesOf(seq, 1000))).toBe(true);
    }
    expect((await read(log, 1)).seq).toBe(log.firstSeq);
  });

  it('equals a list, whatever is appended, read and sent in which order', async () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('append' as const), length: fc.integer({ min: 0, max: 9_000 }) }),
      fc.record({ do: fc.constant('read' as const), at: fc.double({ min: 0, max: 1, noNaN: true }) }),
      fc.record({ do: fc.constant('send' as const), count: fc.integer({ min: 1, max: 30 }) }),
      fc.record({ do: fc.constant('turn' as const) }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 120 }),
        fc.constantFrom(1 << 30, 1_048_576),
        async (steps, spill) => {
          const { log, memoryBudget, spillBudget } = logWith({ spillBytes: spill });
          const model: Buffer[] = [];
          for (const action of steps) {
            if (action.do === 'append' && !log.full) {
              model.push(bytesOf(model.length + 1, action.length));
              log.append(model.length % 3 === 0 ? 'stderr' : 'stdout', bytesOf(model.length, action.length));
            } else if (action.do === 'read' && model.length > 0) {
              const seq = 1 + Math.floor(action.at * (model.length - 1));
              const entry = await read(log, seq);
              expect(entry.seq).toBe(Math.max(seq, entry.seq));
              expect(entry.bytes.equals(model[entry.seq - 1] ?? Buffer.alloc(0))).toBe(true);
            } else if (action.do === 'send') {
              for (let sent = 0; sent < action.count && log.sentSeq < model.length; sent++) {
                const entry = await read(log, log.sentSeq + 1);
                expect(entry.seq).toBe(log.sentSeq + 1);
                log.markSent(entry);
              }
            } else if (action.do === 'turn') {
              await new Promise((resolve) => setImmediate(resolve));
            }
            expect(log.nextSeq).toBe(model.length + 1);
            expect(log.firstSeq).toBeLessThanOrEqual(log.sentSeq + 1);
          }
          log.close();
          await expect.poll(() => [memoryBudget.used, spillBudget.used], { interval: 1 }).toEqual([0, 0]);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('the frames of the spill file', () => {
  it('come back as they were', () => {
    const kind = fc.constantFrom('stdout', 'stderr', 'pty', 'exited', 'closed' as const);
    fc.assert(
      fc.property(fc.array(fc.tuple(kind, fc.uint8Array({ maxLength: 50 }))), fc.integer({ min: 1 }), (list, first) => {
        let end = 7;
        const entries = list.map(([kind, bytes], index) => {
          end += costOf(bytes.length);
          return { seq: first + index, kind, bytes: Buffer.from(bytes), end };
        });
        expect(decodeEntries(Buffer.concat(encodeEntries(entries)), first, 7)).toEqual(entries);
      }),
    );
  });

  it('refuse what is no frame', () => {
    for (const damaged of ['09', '0000000005aa', '00000000']) {
      expect(() => decodeEntries(Buffer.from(damaged, 'hex'), 1, 0)).toThrow('damaged');
    }
  });
});
