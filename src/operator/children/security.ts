import type { V1PodSecurityContext, V1SecurityContext } from '@kubernetes/client-node';

/** The user of our own image. */
export const OUR_USER = 65_532;
/** Who commands run as when the template does not say. Not our user: the sidecar's files are not even by number its own. */
export const WORKSPACE_USER = 10_001;

/** What Pod Security `restricted` asks of a container, and a root that nobody writes to. */
export const RESTRICTED_CONTAINER = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  runAsNonRoot: true,
  runAsUser: OUR_USER,
  runAsGroup: OUR_USER,
  capabilities: { drop: ['ALL'] },
  seccompProfile: { type: 'RuntimeDefault' },
} satisfies V1SecurityContext;

/** Of pods that run nothing but ours. */
export const RESTRICTED_POD = {
  runAsNonRoot: true,
  runAsUser: OUR_USER,
  runAsGroup: OUR_USER,
  fsGroup: OUR_USER,
  seccompProfile: { type: 'RuntimeDefault' },
} satisfies V1PodSecurityContext;

/** Of files in Secret volumes: the pod's group may read them. */
export const GROUP_READABLE = 0o440;
