/** Manifests of the fleets that the interop tests run against; `WORKSPACE` is replaced by the workspace path. */

const frontDoor = `
apiVersion: noisefleet.dev/v1alpha1
kind: Relay
metadata: {name: main, namespace: default}
spec: {}
---
apiVersion: noisefleet.dev/v1alpha1
kind: ExecutorGrant
metadata: {name: dev, namespace: default}
spec:
  subjects: [{apiGroup: "", kind: ServiceAccount, name: dev, namespace: default}]
  executorSelector: {}
`;

const executor = (name: string, runtime: string) => `
---
apiVersion: noisefleet.dev/v1alpha1
kind: Executor
metadata: {name: ${name}, namespace: default}
spec:
  relayRef: {name: main, namespace: default}
  runtime: {type: ${runtime}}
  workspace: {type: Ephemeral, path: WORKSPACE}
`;

export type Runtime = 'BuiltIn' | 'Codex' | 'External';

/** One relay, one grant, and one executor of each of these runtimes, named by it in lower case. */
export function fleetOf(...runtimes: readonly Runtime[]): string {
  return frontDoor + runtimes.map((runtime) => executor(runtime.toLowerCase(), runtime)).join('');
}
