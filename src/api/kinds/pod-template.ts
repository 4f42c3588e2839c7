import { z } from 'zod';
import { GROUP, RESERVED_PREFIX } from '../names.ts';
import { dnsLabel, dnsName, list, oneOf, text } from '../schema/fields.ts';
import { type Rule, ruled } from '../schema/rules.ts';

/**
 * A pod template: typed where a rule needs it, kept as it is elsewhere, so that a field of a newer Kubernetes needs no release of ours.
 * What is refused here would let a template read keys, register as another executor, or be selected as something it is not.
 */

/** The container that is the user's; its process is our exec-server. */
export const WORKSPACE_CONTAINER = 'workspace';

/** Bounds from what a pod can sensibly hold; with them the API server can tell what the rules below cost. */
const MAX_CONTAINERS = 16;
const MAX_VOLUMES = 64;
const MAX_MOUNTS = 64;
const MAX_ENV = 256;
const MAX_SOURCES = 16;
const MAX_LABELS = 64;
const MAX_IMAGE = 512;

/** Part of an object of Kubernetes: what rules need, and everything else untouched. */
const part = <Shape extends z.core.$ZodShape>(shape: Shape) => z.looseObject(shape, { error: 'must be an object' });

const notOurs = (what: string): Rule<string> => ({
  message: `${what} that begin with ${RESERVED_PREFIX} are ours: choose another`,
  cel: `!self.startsWith('${RESERVED_PREFIX}')`,
  holds: (name) => !name.startsWith(RESERVED_PREFIX),
});

const containerName = ruled(dnsLabel, notOurs('container names'));
const volumeName = ruled(dnsLabel, notOurs('volume names'));
/** Our Secrets hold keys; by a volume or by the environment they would be in a container that commands run in. */
const secretName = ruled(dnsName, notOurs('Secrets with names'));
/** As a registry or a relay a pod could read every executor there is, or report as one of their replicas. */
const serviceAccountName = ruled(dnsName, notOurs('ServiceAccounts with names'));
const secretNamed = part({ name: secretName.optional().describe('Name of a Secret that is not ours.') });

const env = part({
  name: text({ max: 1024, message: 'must be the name of a variable' }).describe('Name of the variable.'),
  valueFrom: part({
    secretKeyRef: secretNamed.optional().describe('A key of a Secret.'),
    fileKeyRef: part({ volumeName: volumeName.optional().describe('Name of a volume of this template.') })
      .optional()
      .describe('A key of a file in a volume.'),
  })
    .optional()
    .describe('Where the value is from.'),
});

const containerShape = {
  name: containerName.describe('Name of the container.'),
  image: text({ max: MAX_IMAGE, message: 'must be the name of an image' }).describe('Image of the container.'),
  env: list(env, { max: MAX_ENV, type: 'atomic' }).optional().describe('Environment variables.'),
  envFrom: list(part({ secretRef: secretNamed.optional().describe('All keys of a Secret.') }), {
    max: MAX_SOURCES,
    type: 'atomic',
  })
    .optional()
    .describe('Sources of environment variables.'),
  volumeMounts: list(part({ name: volumeName.describe('Name of a volume of this template.') }), {
    max: MAX_MOUNTS,
    type: 'atomic',
  })
    .optional()
    .describe('Volumes to mount.'),
  volumeDevices: list(part({ name: volumeName.describe('Name of a volume of this template.') }), {
    max: MAX_MOUNTS,
    type: 'atomic',
  })
    .optional()
    .describe('Block devices to give.'),
};
const commandLine = () => list(z.string().max(16_384), { max: 1024, type: 'atomic' }).optional();

const container = ruled(
  part({
    ...containerShape,
    command: commandLine().describe('Entry point. Not for the container `workspace`.'),
    args: commandLine().describe('Arguments. Not for the container `workspace`.'),
  }),
  {
    message: 'the container workspace runs our exec-server and takes no command or args: use another container',
    cel: `self.name != '${WORKSPACE_CONTAINER}' || (!has(self.command) && !has(self.args))`,
    holds: ({ name, command, args }) => name !== WORKSPACE_CONTAINER || (command === undefined && args === undefined),
  },
);

const containers = ruled(list(container, { max: MAX_CONTAINERS, type: 'map', keys: ['name'] }), {
  message: 'must have a container named workspace',
  cel: `self.exists(c, c.name == '${WORKSPACE_CONTAINER}')`,
  holds: (all) => all.some(({ name }) => name === WORKSPACE_CONTAINER),
});

const initContainers = list(part(containerShape), { max: MAX_CONTAINERS, type: 'map', keys: ['name'] });

const token = ruled(part({ audience: z.string().max(253).optional().describe('Whom the token is for.') }), {
  message: `token audiences that begin with ${RESERVED_PREFIX} are ours: choose another`,
  cel: `!has(self.audience) || !self.audience.startsWith('${RESERVED_PREFIX}')`,
  holds: ({ audience = '' }) => !audience.startsWith(RESERVED_PREFIX),
});

const volume = part({
  name: volumeName.describe('Name of the volume.'),
  secret: part({ secretName: secretName.optional().describe('Name of a Secret that is not ours.') })
    .optional()
    .describe('Files from a Secret.'),
  projected: part({
    sources: list(
      part({
        secret: secretNamed.optional().describe('Files from a Secret.'),
        serviceAccountToken: token.optional().describe('A token of the pod.'),
      }),
      { max: MAX_SOURCES, type: 'atomic' },
    )
      .optional()
      .describe('What is projected.'),
  })
    .optional()
    .describe('Files from several sources.'),
  csi: part({ nodePublishSecretRef: secretNamed.optional().describe('A Secret for the driver.') })
    .optional()
    .describe('A volume of a CSI driver.'),
});

const notShared = (what: string) =>
  `${what} must not be true: an executor shares no namespace with what is not its own`;
/** Refused by the rule of the pod below; here for our own parser. */
const never = (what: string) =>
  z
    .boolean({ error: 'must be true or false' })
    .refine((value) => !value, { error: notShared(what), abort: true })
    .optional()
    .describe('Must not be true.');
const HOST_SHARING = ['hostNetwork', 'hostPID', 'hostIPC', 'shareProcessNamespace'] as const;

const podSpec = ruled(
  part({
    containers: containers.describe('The container `workspace`, in whose image commands run, and others beside it.'),
    initContainers: initContainers.optional().describe('Containers that end before the others start.'),
    volumes: list(volume, { max: MAX_VOLUMES, type: 'map', keys: ['name'] })
      .optional()
      .describe('Volumes.'),
    serviceAccountName: serviceAccountName
      .optional()
      .describe('ServiceAccount that is not ours. No token of it is mounted.'),
    serviceAccount: serviceAccountName.optional().describe('The former name of `serviceAccountName`.'),
    hostNetwork: never('hostNetwork'),
    hostPID: never('hostPID'),
    hostIPC: never('hostIPC'),
    shareProcessNamespace: never('shareProcessNamespace'),
    restartPolicy: oneOf(['Always']).optional().describe('Only `Always`, which is the default.'),
  }),
  ...HOST_SHARING.map((what) => ({
    message: notShared(what),
    cel: `!has(self.${what}) || !self.${what}`,
    field: what,
  })),
);

const ownPrefix = `${GROUP}/`;
const notOurKeys = (what: string, bound: number) =>
  ruled(z.record(z.string(), z.string({ error: 'must be a string: put the value in quotes' }).max(bound)), {
    message: `${what} with the prefix ${ownPrefix} are ours`,
    cel: `self.all(key, !key.startsWith('${ownPrefix}'))`,
    holds: (map) => Object.keys(map).every((key) => !key.startsWith(ownPrefix)),
  }).meta({ maxProperties: MAX_LABELS });

/** Kubernetes' own bound for all annotations of an object. */
const MAX_ANNOTATION_BYTES = 262_144;

export const podTemplate = part({
  metadata: part({
    labels: notOurKeys('labels', 63).optional().describe('Labels of the pod. Ours are set after these.'),
    annotations: notOurKeys('annotations', MAX_ANNOTATION_BYTES).optional().describe('Annotations of the pod.'),
  })
    .optional()
    .describe('Labels and annotations of the pod.'),
  spec: podSpec.describe('The pod, as in `v1/PodTemplateSpec`. Fields that are not listed here are passed on.'),
});
