import type { ExecutorUnit } from './executor-unit.ts';
import type { Front } from './front.ts';
import { writeFileIfChanged } from './state/atomic-file.ts';

/** What runs now, for tests and for people who want to see what happens when a part dies. Holds no secret. */
export function writeProcessesFile(path: string, front: Front, units: ReadonlyMap<string, ExecutorUnit>): void {
  const executors = [...units].map(([id, { sidecar, execServer }]) => [
    id,
    {
      sidecar: { pid: sidecar.pid, adminUrl: originOf(sidecar.spec.readyUrl), log: sidecar.spec.logFile },
      execServer: { pid: execServer.pid, url: originOf(execServer.spec.readyUrl), log: execServer.spec.logFile },
    },
  ]);
  const content = {
    registry: {
      pid: front.registry.pid,
      url: front.registryUrl,
      adminUrl: originOf(front.registry.spec.readyUrl),
      log: front.registry.spec.logFile,
    },
    relay: {
      pid: front.relay.pid,
      url: front.relayUrl,
      adminUrl: originOf(front.relay.spec.readyUrl),
      log: front.relay.spec.logFile,
    },
    executors: Object.fromEntries(executors),
  };
  writeFileIfChanged(path, `${JSON.stringify(content, undefined, 2)}\n`);
}

function originOf(url: string): string {
  return new URL(url).origin;
}
