export { ExecutorError, type ExecutorErrorCode } from './errors.ts';
export { type RunningExecutor, startExecutor } from './executor.ts';
export type { ExecutorOptions, Runtime, SandboxMode, StopReason } from './options.ts';
