export { startOperator } from './operator.ts';
export type { OperatorOptions, RunningOperator } from './options.ts';
export { watchByHttps } from './registries/connection.ts';
export { TLS_TIMES, type TlsTimes, tlsTimesProblem } from './tls/times.ts';
