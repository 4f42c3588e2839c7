/**
 * Types and reasons of conditions. They are API: renaming one breaks whoever waits for it. The comment is the definition, and
 * `docs/reference.md` is made from it: when it is set, with which polarity, and what to do.
 */

/** All kinds. The summary, positive: True when the object does what it is for. Unknown while it is on the way, False when it cannot and something is wrong or was asked to stop. Nothing is `Ready` before it was looked at in its present generation. */
export const READY = 'Ready';

/** All kinds. Negative: True when nothing happens until a human mends what the message names; removed once it is mended. `Ready` is False with reason `Stalled` beside it. */
export const STALLED = 'Stalled';

/** Relay. Negative: True while replicas are made, replaced or taken away; what is ready serves meanwhile, and `Ready` stays as it was. Removed when it is done. */
export const RECONCILING = 'Reconciling';

/** Executor. Positive: the relay exists and allows the namespace, the namespace is enabled and the template is not refused. False: see `Stalled` for the cause. */
export const ACCEPTED = 'Accepted';

/** Executor. Positive: a key is in the executor's Secret and recorded in status. Unknown while it is made. Absent for the runtime `External`, which makes its own. */
export const KEYS_READY = 'KeysReady';

/** Executor. Positive: the pod named by `status.pod` runs and is ready. Absent for the runtime `External`. */
export const POD_READY = 'PodReady';

/** Executor. Negative: True while the running pod is older than the spec and waits for what `spec.updatePolicy` asks. Removed when the pod is current. */
export const UPDATE_PENDING = 'UpdatePending';

/** Executor. Negative: True while a rotation is due and waits; the reason says for what. Removed when it is done. */
export const ROTATION_DUE = 'RotationDue';

/** Executor. Negative: True while something about keys fails and is tried again; what runs goes on. The message says what, since when and when it is tried next. Removed when it works. */
export const ROTATION_FAILED = 'RotationFailed';

/** Executor. Negative: True while a rotation is due or asked for and three keys are live already: it waits for the end of an overlap, and the message says when that is. Removed when there is room. */
export const OVERLAP_FULL = 'OverlapFull';

/** Relay. Positive: as many relay replicas as asked for are ready, and all of them are of the present spec. */
export const RELAYS_READY = 'RelaysReady';

/** Relay. Positive: as many registry replicas as asked for are ready, and all of them are of the present spec. */
export const REGISTRIES_READY = 'RegistriesReady';

/** Relay. Positive: certificates exist, are valid and are not due for renewal. False: the message names the Secret. */
export const CERTIFICATES_READY = 'CertificatesReady';

/** Relay. Positive: a ticket key signs and every replica knows it. Unknown while replicas still load one. */
export const TICKET_KEYS_READY = 'TicketKeysReady';

export const REASONS = {
  /** Ready=True (Executor): the registry knows a key of this executor that is present on a live socket. Nothing to do. */
  Registered: 'Registered',
  /** Ready=Unknown (Executor): the executor was started and has not registered yet. Wait; its log says what it waits for. */
  Registering: 'Registering',
  /** Ready=Unknown (Executor): the relay named by `spec.relayRef` is not ready. Look at its conditions. */
  RelayNotReady: 'RelayNotReady',
  /** Ready=Unknown (Executor, `External`): no registry can be asked, so nothing is known about sockets. Look at the Relay's `RegistriesReady`. */
  RegistryUnreachable: 'RegistryUnreachable',
  /** Ready=False (Executor): the pod runs, and none of its sockets is present at a relay. Look at the log of its container `noisefleet-sidecar`. */
  Disconnected: 'Disconnected',
  /** Ready=Unknown (Executor, `External`): no host has joined, or the one that had is away. Run `noisefleet join` on one; the message has the command. */
  WaitingForHost: 'WaitingForHost',
  /** Ready=Unknown, PodReady=Unknown (Executor): the pod is not running yet. The message has the scheduler's or the kubelet's words. */
  PodPending: 'PodPending',
  /** PodReady=True (Executor): the pod runs and its containers are ready. Nothing to do. */
  PodRunning: 'PodRunning',
  /** Ready=False, PodReady=False (Executor): the pod or the process ended and is started again, later each time. Its log says why it ended. */
  Restarting: 'Restarting',
  /** Ready=False, PodReady=False (Executor): `spec.operatingMode` is `Suspended`: the pod is away; workspace, keys and identity are kept. Set it to `Running` to go on. */
  Suspended: 'Suspended',
  /** Ready=Unknown (all kinds): the object is being deleted. Wait; the message names what is left. */
  Deleting: 'Deleting',
  /** Ready=False (all kinds): nothing happens until a human mends something. Read the condition `Stalled`. */
  Stalled: 'Stalled',

  /** Accepted=True (Executor): references, namespace and template are in order. Nothing to do. */
  Accepted: 'Accepted',
  /** KeysReady=True (Executor): a key is in the Secret and in status. Nothing to do. */
  KeyAvailable: 'KeyAvailable',
  /** KeysReady=Unknown, Ready=Unknown (Executor): the first key is being made. Wait. */
  KeyPending: 'KeyPending',
  /** KeysReady=Unknown, RotationDue=True or RotationFailed=True (Executor): the key store does not answer, or refuses. What runs goes on; mend the store that the message names. */
  KeyStoreUnavailable: 'KeyStoreUnavailable',
  /** OverlapFull=True and RotationDue=True (Executor): three keys are live. It goes on when the overlap of the oldest ends; shorten `spec.keys.rotation.overlap` if that is too late. */
  OverlapFull: 'OverlapFull',
  /** RotationDue=True (Executor): the next key is made, and no live socket serves it yet. Wait; a suspended executor finishes when it runs again. */
  RotationInProgress: 'RotationInProgress',
  /** RotationFailed=True (Executor): the Secret with the keys cannot be written. The message has the error. */
  KeySecretUnavailable: 'KeySecretUnavailable',
  /** Stalled=True (Executor): in the key store there is another key than the one that is recorded, or none that can be read. Restore it, or revoke the key that the message names; of one that was never made, take out what is in its place. */
  KeyMismatch: 'KeyMismatch',
  /** UpdatePending=True (Executor): sessions run, and `updatePolicy` is `WhenIdle`. Wait for them to end, or delete the pod. */
  SessionsRunning: 'SessionsRunning',
  /** UpdatePending=True (Executor): `updatePolicy` is `OnDelete`. Delete the pod when it suits you. */
  WaitingForDelete: 'WaitingForDelete',

  /** Stalled=True (Executor): `spec.relayRef` names a Relay that does not exist. Create it, or correct the reference. */
  RelayNotFound: 'RelayNotFound',
  /** Stalled=True (Executor): the Relay does not allow the executor's namespace. Ask its owner, or use a relay of your own. */
  RelayNotAllowed: 'RelayNotAllowed',
  /** Stalled=True (Executor, Relay): the operator has no rights in this namespace. Add it to the chart's `executorNamespaces`; the message has the command. */
  NamespaceNotEnabled: 'NamespaceNotEnabled',
  /** Stalled=True (Executor): the pod template holds something that the schema could not refuse. The message names the field and what is allowed. */
  TemplateRefused: 'TemplateRefused',
  /** Stalled=True (Executor): the API server refused the pod (Pod Security, quota, an admission policy). The message has its words. */
  PodRefused: 'PodRefused',
  /** Stalled=True (all kinds), RotationFailed=True (Executor): something stands in the spec that no schema can refuse. Correct the field that the message names. */
  InvalidSpec: 'InvalidSpec',
  /** Stalled=True (Executor, Relay): an object of the name that we need is not ours, and we do not touch it. Delete or rename it. */
  NotOwned: 'NotOwned',
  /** Stalled=True (Executor, Relay): a Secret that the spec names does not exist. Create it, or correct the reference. */
  SecretNotFound: 'SecretNotFound',
  /** Stalled=True (Executor, Relay): a Secret that the spec names lacks a key, or its content cannot be used. The message names the key. */
  SecretInvalid: 'SecretInvalid',

  /** Ready=True (Relay): it serves; every replica was ready once, and of each part one is now. RelaysReady=True, RegistriesReady=True: every replica asked for is ready. Nothing to do. */
  Available: 'Available',
  /** Reconciling=True, RelaysReady=Unknown, RegistriesReady=Unknown (Relay): replicas are being made, replaced or taken away. Ready=Unknown: and none is ready, or not all have ever been. Wait. */
  RollingOut: 'RollingOut',
  /** Ready=False (Relay); RelaysReady=False, RegistriesReady=False: replicas do not become ready in time. The message has their own words. */
  ReplicasUnavailable: 'ReplicasUnavailable',
  /** CertificatesReady=True (Relay): certificates are valid and renewed in time. Nothing to do. */
  CertificatesValid: 'CertificatesValid',
  /** CertificatesReady=Unknown (Relay): certificates are being made or renewed. Wait. */
  CertificatesPending: 'CertificatesPending',
  /** CertificatesReady=False (Relay): a certificate ended or ends within a day. With `SecretRef` renew it in the Secret that the message names. */
  CertificateExpiring: 'CertificateExpiring',
  /** TicketKeysReady=True (Relay): every replica knows the key that signs. Nothing to do. */
  TicketKeysLoaded: 'TicketKeysLoaded',
  /** TicketKeysReady=Unknown (Relay): a new ticket key waits until every replica has loaded it. Wait; the message names those that have not. */
  TicketKeysLoading: 'TicketKeysLoading',

  /** Ready=True (ExecutorGrant): its subjects may connect to what it selects. Nothing to do. */
  InForce: 'InForce',
  /** Ready=True (ExecutorGrant): in force, and no executor matches. Label an executor, or correct `spec.executorSelector`. */
  NothingSelected: 'NothingSelected',
  /** Ready=False and Stalled=True (ExecutorGrant): `spec.expirationTime` has passed and nobody connects by it. Set a later time, or delete the grant. */
  Expired: 'Expired',
} as const;

export type Reason = (typeof REASONS)[keyof typeof REASONS];

export type ConditionType =
  | typeof READY
  | typeof STALLED
  | typeof RECONCILING
  | typeof ACCEPTED
  | typeof KEYS_READY
  | typeof POD_READY
  | typeof UPDATE_PENDING
  | typeof ROTATION_DUE
  | typeof ROTATION_FAILED
  | typeof OVERLAP_FULL
  | typeof RELAYS_READY
  | typeof REGISTRIES_READY
  | typeof CERTIFICATES_READY
  | typeof TICKET_KEYS_READY;
