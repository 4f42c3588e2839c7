export { type AdminServer, type HealthCheck, startAdminServer } from './admin.ts';
export { type Clock, systemClock, type Timer } from './clock.ts';
export { collectGarbage } from './garbage.ts';
export { createLogger, type Logger, type LoggerOptions } from './logger.ts';
export { type Counter, createMetrics, type Gauge, type Histogram, type Metrics } from './metrics.ts';
export { pause } from './pause.ts';
