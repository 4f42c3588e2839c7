export {
  type ExecServer,
  type ExecServerOptions,
  IMAGE_SHELL,
  type SandboxMode,
  startExecServer,
} from './exec-server.ts';
