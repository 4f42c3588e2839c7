import { describe, expect, it } from 'vitest';
import { createLogger, createMetrics } from '../../telemetry/index.ts';
import { ManualClock, settle } from '../../telemetry/testing/manual-clock.ts';
import { ApiError } from '../client/errors.ts';
import { Controller, type Reconcile } from './controller.ts';
import { createRuntimeMetrics } from './runtime-metrics.ts';
import { Supervisor } from './supervisor.ts';

const log = createLogger({ component: 'test', level: 'silent' });
const DAY_MS = 86_400_000;

function start(reconcile: Reconcile, clock = new ManualClock()) {
  const metrics = createMetrics({ component: 'test', version: '0' });
  const runtime = createRuntimeMetrics(metrics);
  const controller = new Controller({ name: 'things', reconcile, clock, log, metrics: runtime, random: () => 0 });
  const stop = new AbortController();
  return { controller, clock, metrics, stop, running: controller.run(stop.signal) };
}

describe('Controller', () => {
  it('tries again after growing pauses until a reconcile succeeds', async () => {
    const attempts: number[] = [];
    const { controller, clock, metrics, stop, running } = start(async () => {
      attempts.push(clock.now());
      if (attempts.length < 4) throw new Error('not yet');
    });
    controller.enqueue('a/x');
    await clock.advanceSlowly(5_000, 50);
    stop.abort();
    await running;

    const pauses = attempts.slice(1).map((at, before) => at - (attempts[before] ?? 0));
    expect(pauses).toEqual([250, 500, 1_000]);
    const text = await metrics.text();
    expect(text).toContain('controller_runtime_reconcile_total{controller="things",result="error"} 3');
    expect(text).toContain('controller_runtime_reconcile_total{controller="things",result="success"} 1');
    expect(text).toContain('workqueue_retries_total{name="things",controller="things"} 3');
  });

  it('keeps the pause that the server asks for', async () => {
    const attempts: number[] = [];
    const { controller, clock, stop, running } = start(async () => {
      attempts.push(clock.now());
      throw new ApiError({ code: 'TooManyRequests', step: 'test', message: 'slow down', retryAfterMs: 30_000 });
    });
    controller.enqueue('a/x');
    await clock.advanceSlowly(31_000);
    stop.abort();
    await running;

    expect(attempts.map((at) => at - (attempts[0] ?? 0))).toEqual([0, 30_000]);
  });

  it('looks again 90 days later, once, when a reconcile asks for it', async () => {
    let count = 0;
    const { controller, clock, stop, running } = start(async () => {
      count++;
      return count === 1 ? { requeueAt: clock.now() + 90 * DAY_MS } : undefined;
    });
    controller.enqueue('a/x');
    await settle();
    clock.advance(89 * DAY_MS);
    await settle();
    expect(count).toBe(1);

    clock.advance(2 * DAY_MS);
    await settle();
    stop.abort();
    await running;

    expect(count).toBe(2);
  });

  it('waits at its end for what is being worked on, and takes nothing new', async () => {
    const gate = Promise.withResolvers<void>();
    const worked: string[] = [];
    const { controller, stop, running } = start(async (key) => {
      await gate.promise;
      worked.push(key);
    });
    for (const key of ['a', 'b', 'c', 'd', 'e']) controller.enqueue(key);
    await settle();
    stop.abort();
    gate.resolve();
    await running;

    expect(worked).toEqual(['a', 'b', 'c', 'd']);
  });
});

describe('Supervisor', () => {
  const untilAborted = (signal: AbortSignal) =>
    new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));

  it('names the task that failed and stops the others', async () => {
    const supervisor = new Supervisor({ log });
    supervisor.start('well', untilAborted);
    supervisor.start('broken', () => Promise.reject(new TypeError('a bug')));

    expect(await supervisor.failed).toMatchObject({ task: 'broken', error: new TypeError('a bug') });
    await supervisor.stop();
    expect(supervisor.running).toEqual([]);
  });

  it('takes a task that ends by itself for failed', async () => {
    const supervisor = new Supervisor({ log });
    supervisor.start('short', async () => {});

    expect((await supervisor.failed).task).toBe('short');
  });
});
