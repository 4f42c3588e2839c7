import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { baseImage } from '../cluster-fixture.ts';
import { processesOf } from '../key-bytes/machine-places.ts';

/** The key files that the sidecar of a pod sees in its volume. */
export function keysMountedIn(pod: string): readonly string[] {
  const [sidecar] = processesOf(pod, '--keys-dir');
  if (sidecar === undefined) throw new Error(`${pod} has no sidecar`);
  const words = readFileSync(`/proc/${sidecar}/cmdline`, 'utf8').split('\0');
  const folder = words[words.indexOf('--keys-dir') + 1] ?? '';
  const files = readdirSync(join(`/proc/${sidecar}/root`, folder));
  return files.filter((file) => file.endsWith('.json')).sort();
}

/** A pod for whose sake the kubelet of its node goes on remembering a Secret while no executor has a pod there. */
export function remembering(name: string, secretName: string) {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 1,
      securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: 'main',
          image: baseImage(),
          command: ['sleep', 'infinity'],
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
          volumeMounts: [{ name: 'it', mountPath: '/it' }],
        },
      ],
      volumes: [{ name: 'it', secret: { secretName } }],
    },
  };
}
