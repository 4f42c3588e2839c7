/** A Pod that the Pod Security level `restricted` lets in; sleeps until told to end. */
export function sleeper(name: string, image: string): Record<string, unknown> {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      automountServiceAccountToken: false,
      // As PID 1 a shell ignores SIGTERM: without its own handler, deletion takes the whole grace period.
      containers: [{ name: 'main', image, command: ['sh', '-c', SLEEP], securityContext: CONTAINER_SECURITY }],
      securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
    },
  };
}

const SLEEP = 'trap "exit 0" TERM; echo ready; while :; do sleep 1; done';

const CONTAINER_SECURITY = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
};
