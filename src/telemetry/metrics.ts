import {
  collectDefaultMetrics,
  Counter as PromCounter,
  Gauge as PromGauge,
  Histogram as PromHistogram,
  Registry,
} from 'prom-client';

export interface Counter {
  add(amount?: number, labels?: Record<string, string>): void;
}

export interface Gauge {
  set(value: number, labels?: Record<string, string>): void;
}

export interface Histogram {
  observe(value: number, labels?: Record<string, string>): void;
}

/** The metrics of one process. Names carry units (`_seconds`, `_bytes`, `_total`); labels are bounded sets, never identities. */
export interface Metrics {
  counter(name: string, help: string, labelNames?: readonly string[]): Counter;
  gauge(name: string, help: string, labelNames?: readonly string[]): Gauge;
  histogram(name: string, help: string, buckets: readonly number[], labelNames?: readonly string[]): Histogram;
  /** Called before each answer: for what is cheaper to count when somebody asks than to follow. */
  onScrape(collect: () => void): void;
  /** The Prometheus text format. */
  text(): Promise<string>;
}

export interface MetricsOptions {
  component: string;
  version: string;
  /** Event-loop delay, heap, handles. Off in unit tests. */
  processMetrics?: boolean;
}

export function createMetrics({ component, version, processMetrics = false }: MetricsOptions): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const collectors: (() => void)[] = [];
  if (processMetrics) collectDefaultMetrics({ register: registry });
  new PromGauge({
    name: 'noisefleet_build_info',
    help: 'Always 1; the labels say what runs.',
    labelNames: ['component', 'version', 'node'],
    registers,
  }).set({ component, version, node: process.versions.node }, 1);

  return {
    counter(name, help, labelNames = []) {
      const counter = new PromCounter({ name, help, labelNames, registers });
      return { add: (amount = 1, labels = {}) => counter.inc(labels, amount) };
    },
    gauge(name, help, labelNames = []) {
      const gauge = new PromGauge({ name, help, labelNames, registers });
      return { set: (value, labels = {}) => gauge.set(labels, value) };
    },
    histogram(name, help, buckets, labelNames = []) {
      const histogram = new PromHistogram({ name, help, buckets: [...buckets], labelNames, registers });
      return { observe: (value, labels = {}) => histogram.observe(labels, value) };
    },
    onScrape: (collect) => {
      collectors.push(collect);
    },
    text: () => {
      for (const collect of collectors) collect();
      return registry.metrics();
    },
  };
}
