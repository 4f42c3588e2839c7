export { type ExecServer, type ExecServerOptions, type SandboxMode, startExecServer } from './exec-server.ts';
