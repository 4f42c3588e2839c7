import type { Metrics } from '../../telemetry/index.ts';

/** What a queue tells of itself. All spans in milliseconds. */
export interface QueueMetrics {
  added(): void;
  depth(keys: number): void;
  taken(waited: number): void;
  worked(took: number): void;
  retried(): void;
  /** `oldest`: since when the longest-running key is worked on. */
  running(oldest: number): void;
}

/** What a controller tells of its reconciles. */
export interface ReconcileMetrics {
  workers(count: number): void;
  active(count: number): void;
  reconciled(result: 'success' | 'error' | 'requeue_after', took: number): void;
}

export interface LeaderMetrics {
  leading(leads: boolean): void;
}

/** The metrics of one process's controllers, made once for all of them. */
export interface RuntimeMetrics {
  queue(name: string): QueueMetrics;
  controller(name: string): ReconcileMetrics;
  leader(name: string): LeaderMetrics;
}

/** client-go's buckets of queue times. Seconds. */
const QUEUE_BUCKETS = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 10, 100, 1000];
/** controller-runtime's buckets of reconcile times, thinned out. Seconds. */
const RECONCILE_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const RESULTS = ['success', 'error', 'requeue_after'] as const;

/** client-go's and controller-runtime's own names, so that existing dashboards and alerts fit. */
export function createRuntimeMetrics(metrics: Metrics): RuntimeMetrics {
  const queue = queueFamilies(metrics);
  const controller = controllerFamilies(metrics);
  const master = metrics.gauge('leader_election_master_status', 'Whether this process leads: 1 or 0.', ['name']);
  return { queue, controller, leader: (name) => ({ leading: (leads) => master.set(leads ? 1 : 0, { name }) }) };
}

function queueFamilies(metrics: Metrics): (name: string) => QueueMetrics {
  const labels = ['name', 'controller'];
  const depth = metrics.gauge('workqueue_depth', 'Keys that wait.', labels);
  const adds = metrics.counter('workqueue_adds_total', 'Keys added.', labels);
  const retries = metrics.counter('workqueue_retries_total', 'Keys added again after a failure.', labels);
  const wait = metrics.histogram('workqueue_queue_duration_seconds', 'Time that a key waits.', QUEUE_BUCKETS, labels);
  const work = metrics.histogram(
    'workqueue_work_duration_seconds',
    'Time that a key is worked on.',
    QUEUE_BUCKETS,
    labels,
  );
  const longest = metrics.gauge(
    'workqueue_longest_running_processor_seconds',
    'How long the key that is worked on for longest has been.',
    labels,
  );
  return (name) => {
    const of = { name, controller: name };
    depth.set(0, of);
    adds.add(0, of);
    retries.add(0, of);
    return {
      added: () => adds.add(1, of),
      depth: (keys) => depth.set(keys, of),
      taken: (waited) => wait.observe(waited / 1000, of),
      worked: (took) => work.observe(took / 1000, of),
      retried: () => retries.add(1, of),
      running: (oldest) => longest.set(oldest / 1000, of),
    };
  };
}

function controllerFamilies(metrics: Metrics): (name: string) => ReconcileMetrics {
  const results = metrics.counter('controller_runtime_reconcile_total', 'Reconciles by result.', [
    'controller',
    'result',
  ]);
  const errors = metrics.counter('controller_runtime_reconcile_errors_total', 'Reconciles that failed.', [
    'controller',
  ]);
  const time = metrics.histogram(
    'controller_runtime_reconcile_time_seconds',
    'Time of a reconcile.',
    RECONCILE_BUCKETS,
    ['controller'],
  );
  const most = metrics.gauge('controller_runtime_max_concurrent_reconciles', 'Workers of a controller.', [
    'controller',
  ]);
  const active = metrics.gauge('controller_runtime_active_workers', 'Workers that reconcile now.', ['controller']);
  return (controller) => {
    for (const result of RESULTS) results.add(0, { controller, result });
    errors.add(0, { controller });
    return {
      workers: (count) => most.set(count, { controller }),
      active: (count) => active.set(count, { controller }),
      reconciled(result, took) {
        results.add(1, { controller, result });
        if (result === 'error') errors.add(1, { controller });
        time.observe(took / 1000, { controller });
      },
    };
  };
}
