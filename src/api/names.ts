import { createHash } from 'node:crypto';

/** Group of every kind here. Also the prefix of our labels and annotations, which a pod template may not use. */
export const GROUP = 'noisefleet.dev';
export const VERSION = 'v1alpha1';
/** The group and version of every kind here. */
export const API_VERSION = `${GROUP}/${VERSION}` as const;

/**
 * What begins with this is ours in a pod: containers, volumes, Secrets and token audiences. A template that uses the prefix is
 * refused, so every Secret we make must have a name of `secretName`.
 */
export const RESERVED_PREFIX = 'noisefleet-';

/** Labels of what we make. The first five are the well-known ones. */
export const LABELS = {
  name: 'app.kubernetes.io/name',
  instance: 'app.kubernetes.io/instance',
  component: 'app.kubernetes.io/component',
  managedBy: 'app.kubernetes.io/managed-by',
  partOf: 'app.kubernetes.io/part-of',
  /** On what belongs to an Executor of this namespace: its name. Selectors of policies and Services go by it. */
  executor: `${GROUP}/executor`,
  /** On what belongs to a Relay of this namespace: its name. */
  relay: `${GROUP}/relay`,
} as const;

/**
 * `Executor` annotation: any value not handled before asks for one key rotation. The value is compared as a string, so a time in
 * any precision, a ticket number or a word will do. It asks only once however often it is applied.
 */
export const ROTATE_REQUESTED_AT = `${GROUP}/rotate-requested-at`;

/** Annotations that people write, and those we write on our children. */
export const ANNOTATIONS = {
  rotateRequestedAt: ROTATE_REQUESTED_AT,
  /** `Executor`: the id of a key (`k3`) that is to be revoked. */
  revokeRequestedKey: `${GROUP}/revoke-requested-key`,
  /** `Executor`: who asks for a rotation or a revocation. */
  requestedBy: `${GROUP}/requested-by`,
  /** `Executor`: why. */
  requestReason: `${GROUP}/request-reason`,
  /** On an executor's pod: any new value makes the kubelet mount the key Secret again at once. */
  keysChangedAt: `${GROUP}/keys-changed-at`,
  /** On an executor's pod: a hash of what it was made from; another one means that the pod is older than the spec. */
  podHash: `${GROUP}/pod-hash`,
  /** On the ConfigMap of a Relay's bundle: since when each authority is in it (JSON, serial → RFC 3339). */
  authoritiesAnnounced: `${GROUP}/authorities-announced`,
} as const;

/** Values of `rotateRequestedAt` that the command line writes begin so; people write times. */
export const COMMAND_PREFIX = 'command/';

/** Holds a deleted `Executor` until its keys have left a key store outside of the cluster (ADR 0008). */
export const KEYS_FINALIZER = `${GROUP}/keys`;

/** Audiences of ServiceAccount tokens; each is refused on every other call. All begin with RESERVED_PREFIX. */
export const AUDIENCES = {
  /** executor sidecar → registry */
  registry: `${RESERVED_PREFIX}registry`,
  /** harness → registry */
  connect: `${RESERVED_PREFIX}connect`,
  /** relay → registry */
  presence: `${RESERVED_PREFIX}presence`,
  /** operator → registry */
  internal: `${RESERVED_PREFIX}internal`,
} as const;

/** Field manager of every server-side apply. Another one would fight with what was applied before. */
export const FIELD_MANAGER = 'noisefleet-operator';

/** Names of Services and labels hold 63 characters (RFC 1123), so no child has a longer one. */
const MAX_NAME_LENGTH = 63;
/** 40 bits: enough to keep apart what one namespace holds; the readable part does the rest. */
const HASH_LENGTH = 10;

export interface Owner {
  readonly kind: string;
  readonly name: string;
}

/**
 * The deterministic name of a child: `<owner>-<purpose>-<hash>`, at most 63 characters. The hash keeps apart kinds, long names that
 * begin alike, and `a-b`+`c` from `a`+`b-c`. `distinct` tells several children of one purpose apart, such as the attempts of a pod.
 * The namespace is not part of it: children stand in their owner's.
 */
export function childName(owner: Owner, purpose: string, distinct: string | number = ''): string {
  return join('', owner, purpose, distinct);
}

/** As `childName`, with the prefix by which a pod template that would mount it is refused. */
export function secretName(owner: Owner, purpose: string, distinct: string | number = ''): string {
  return join(RESERVED_PREFIX, owner, purpose, distinct);
}

function join(prefix: string, { kind, name }: Owner, purpose: string, distinct: string | number): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([prefix, kind, name, purpose, String(distinct)]))
    .digest('hex')
    .slice(0, HASH_LENGTH);
  const suffix = purpose === '' ? `-${hash}` : `-${purpose}-${hash}`;
  const room = MAX_NAME_LENGTH - prefix.length - suffix.length;
  if (room < 1) throw new RangeError(`no room for a name beside the purpose ${JSON.stringify(purpose)}`);
  // A name that is cut may end in a dash; two dashes in a row are allowed.
  return `${prefix}${name.slice(0, room)}${suffix}`;
}
