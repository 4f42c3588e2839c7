import type { V1Container, V1EphemeralContainer, V1PodTemplateSpec, V1Volume } from '@kubernetes/client-node';
import { GROUP, RESERVED_PREFIX, WORKSPACE_CONTAINER } from '../../api/index.ts';

/** The parts of a pod that would let commands out of their own corner of it. */
const SHARED = {
  hostNetwork: 'would let commands listen in on the node',
  hostPID: 'would show commands the processes of the node',
  hostIPC: 'would share memory with the node',
  shareProcessNamespace: 'would let commands read the keys in the sidecar’s memory',
} as const;

/**
 * What a template must not hold (`design.md` §5), each as a sentence that names the field. The API server refuses most of it already by CEL;
 * this is the whole list, for objects that are older than a rule, and for what CEL cannot see.
 */
export function templateProblems(template: V1PodTemplateSpec): string[] {
  const { spec } = template;
  if (spec === undefined) return [];
  const containers: [string, readonly (V1Container | V1EphemeralContainer)[]][] = [
    ['containers', spec.containers ?? []],
    ['initContainers', spec.initContainers ?? []],
    ['ephemeralContainers', spec.ephemeralContainers ?? []],
  ];
  return [
    ...metadataProblems(template),
    ...Object.entries(SHARED).flatMap(([field, why]) =>
      Reflect.get(spec, field) === true ? [`spec.template.spec.${field} ${why}: leave it out`] : [],
    ),
    ...(spec.automountServiceAccountToken === true
      ? [
          'spec.template.spec.automountServiceAccountToken would give commands a token of the Kubernetes API: leave it out',
        ]
      : []),
    ...(['serviceAccountName', 'serviceAccount'] as const).flatMap((field) =>
      spec[field]?.startsWith(RESERVED_PREFIX)
        ? [`spec.template.spec.${field} is one of ours: commands would have the rights of a registry or relay`]
        : [],
    ),
    ...(spec.volumes ?? []).flatMap((volume, index) => volumeProblems(volume, `spec.template.spec.volumes[${index}]`)),
    ...containers.flatMap(([field, list]) =>
      list.flatMap((each, index) => containerProblems(each, `spec.template.spec.${field}[${index}]`)),
    ),
  ];
}

function metadataProblems({ metadata }: V1PodTemplateSpec): string[] {
  return (['labels', 'annotations'] as const).flatMap((field) =>
    Object.keys(metadata?.[field] ?? {})
      .filter((key) => key.startsWith(`${GROUP}/`) || key.includes(`.${GROUP}/`))
      .map(
        (key) => `spec.template.metadata.${field}[${key}] is ours: whose traffic a pod gets is decided by such labels`,
      ),
  );
}

function volumeProblems(volume: V1Volume, where: string): string[] {
  const secrets = [
    ...secretsOf('secret.secretName', volume.secret?.secretName),
    ...secretsOf('csi.nodePublishSecretRef', volume.csi?.nodePublishSecretRef?.name),
    ...secretsOf('azureFile.secretName', volume.azureFile?.secretName),
    ...(['flexVolume', 'cephfs', 'iscsi', 'rbd', 'scaleIO', 'storageos'] as const).flatMap((type) =>
      secretsOf(`${type}.secretRef.name`, volume[type]?.secretRef?.name),
    ),
    ...(volume.projected?.sources ?? []).flatMap(({ secret }, index) =>
      secretsOf(`projected.sources[${index}].secret.name`, secret?.name),
    ),
  ];
  const audiences = (volume.projected?.sources ?? []).flatMap(({ serviceAccountToken }, index) =>
    serviceAccountToken?.audience?.startsWith(RESERVED_PREFIX)
      ? [
          `${where}.projected.sources[${index}].serviceAccountToken.audience is ours: commands would pass for the sidecar`,
        ]
      : [],
  );
  return [...reservedName(volume.name, where), ...secrets.map((problem) => `${where}.${problem}`), ...audiences];
}

function containerProblems(container: V1Container | V1EphemeralContainer, where: string): string[] {
  const { name, env = [], envFrom = [], volumeMounts = [], volumeDevices = [], command, args } = container;
  const fromSecrets = [
    ...env.flatMap(({ valueFrom }, index) =>
      secretsOf(`env[${index}].valueFrom.secretKeyRef.name`, valueFrom?.secretKeyRef?.name),
    ),
    ...envFrom.flatMap(({ secretRef }, index) => secretsOf(`envFrom[${index}].secretRef.name`, secretRef?.name)),
  ];
  const mounts = [
    ...env.map(({ valueFrom }, index) => ({
      volume: valueFrom?.fileKeyRef?.volumeName ?? '',
      at: `env[${index}].valueFrom.fileKeyRef.volumeName`,
    })),
    ...volumeMounts.map((each, index) => ({ volume: each.name, at: `volumeMounts[${index}].name` })),
    ...volumeDevices.map((each, index) => ({ volume: each.name, at: `volumeDevices[${index}].name` })),
  ];
  const startsItself = name === WORKSPACE_CONTAINER && (command !== undefined || args !== undefined);
  return [
    ...reservedName(name, where),
    ...fromSecrets.map((problem) => `${where}.${problem}`),
    ...mounts
      .filter(({ volume }) => volume.startsWith(RESERVED_PREFIX))
      .map(({ at }) => `${where}.${at} mounts a volume of ours: it holds keys or tokens`),
    ...(startsItself
      ? [`${where} has a command, but this container runs the exec-server: put preparations into an init container`]
      : []),
  ];
}

function reservedName(name: string, where: string): string[] {
  return name.startsWith(RESERVED_PREFIX)
    ? [`${where}.name begins with ${RESERVED_PREFIX}, which is ours: choose another`]
    : [];
}

function secretsOf(field: string, name: string | undefined): string[] {
  return name?.startsWith(RESERVED_PREFIX) ? [`${field} is a Secret of ours (${name}): it holds keys`] : [];
}
