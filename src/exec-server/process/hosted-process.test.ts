import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../telemetry/index.ts';
import { ByteBudget } from '../output/budget.ts';
import { OutputLog } from '../output/output-log.ts';
import { DescriptorMask } from './child/descriptor-mask.ts';
import { startPiped } from './child/piped-child.ts';
import { HostedProcess } from './hosted-process.ts';

const running: HostedProcess[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((process) => process.end()));
});

/** Small enough that a command reaches its limits at once. */
const limits = { block: 65_536, memory: 131_072, retention: 65_536, unsent: 1_000_000 };

async function host(command: string): Promise<HostedProcess> {
  const spec = { file: '/bin/sh', args: ['-c', command], arg0: undefined, cwd: '/', env: { PATH: '/bin:/usr/bin' } };
  const child = await startPiped({ ...spec, pipeStdin: false }, undefined, new DescriptorMask());
  const createLog = (onRoom: () => void) =>
    new OutputLog({
      spillDirectory: undefined,
      spillBudget: new ByteBudget(0),
      memoryBudget: new ByteBudget(1 << 30),
      onRoom,
      onSpillFailure: () => undefined,
      limits,
    });
  const process = new HostedProcess({ id: 'p', child, clock: systemClock, createLog, onEntry: () => undefined });
  running.push(process);
  return process;
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

describe('a process that nobody reads', () => {
  it('is stopped at the limit, and loses nothing when it is read again', async () => {
    const process = await host('head -c 3000000 /dev/zero');
    await expect.poll(() => process.log.full).toBe(true);
    const before = process.log.nextSeq;
    await turns(50);
    expect(process.log.nextSeq).toBe(before);
    expect(process.exitCode).toBeUndefined();

    let total = 0;
    while (!process.closed || process.log.sentSeq < process.log.nextSeq - 1) {
      const entry = await process.log.at(process.log.sentSeq + 1);
      if (entry) {
        if (entry.kind === 'stdout') total += entry.bytes.length;
        process.log.markSent(entry);
      } else {
        await process.nextEntry(1_000);
      }
    }
    expect(total).toBe(3_000_000);
  });

  it('ends when its session ends, although it waits to be read', async () => {
    const process = await host('trap "exit 7" TERM; yes');
    await expect.poll(() => process.log.full).toBe(true);
    await process.end();
    await expect.poll(() => process.exitCode).toBeDefined();
  });
});

describe('nextEntry', () => {
  it('comes with the next thing that the process says, or after its time', async () => {
    const process = await host('sleep 0.05; echo x');
    await process.nextEntry(30_000);
    expect(process.log.nextSeq).toBe(2);
    const silent = await host('sleep 60');
    await silent.nextEntry(1);
    expect(silent.log.nextSeq).toBe(1);
  });
});
