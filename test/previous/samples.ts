import {
  type ControlToRelay,
  type ControlToSidecar,
  controlToRelay,
  controlToSidecar,
  type Deny,
  type DenyMatch,
  type DenyReason,
  type OwnFormat,
  type PresenceToRegistry,
  type PresenceToRelay,
  parseBootId,
  parseEnvironmentId,
  parseFingerprint,
  parseIncarnation,
  parseKeyHash,
  parseKeyId,
  parseRegistrationId,
  presenceToRegistry,
  presenceToRelay,
  type RegistryToOperator,
  registryToOperator,
  type WatchToRegistry,
  type WatchToSidecar,
  watchToRegistry,
  watchToSidecar,
} from '../../src/wire/index.ts';

/** Every optional member is there: one that a release adds has to be added to its sample, or this does not compile. */
export type Full<Value> = Value extends string | number | boolean | Uint8Array
  ? Value
  : Value extends readonly (infer Item)[]
    ? Full<Item>[]
    : { [Member in keyof Value]-?: Full<Exclude<Value[Member], undefined>> };

/** Of each type that a format has, one message with all that may be in it, and those that differ from it in kind. */
type Samples<Message extends { type: string }> = {
  readonly [Type in Message['type']]: readonly [
    Full<Extract<Message, { type: Type }>>,
    ...Extract<Message, { type: Type }>[],
  ];
};

export const environmentId = parseEnvironmentId('team-a_build');
export const registrationId = parseRegistrationId('r'.repeat(43));
export const incarnation = parseIncarnation('6f6c4b0e-3b54-4d6a-9d5a-1f1d3c2b7a90');
export const fingerprint = parseFingerprint(`SHA256:${'A'.repeat(43)}`);
export const keyId = parseKeyId('k3');
export const bootId = parseBootId('Zm9vYmFyYmF6cXV4');
export const harness = parseKeyHash(`SHA256:${'B'.repeat(43)}`);
const ticket = 'header.claims.signature';
const sessions = [{ harness, registrationId }];
const ticketKeys = [
  {
    ...{ kty: 'OKP' as const, crv: 'Ed25519' as const, kid: 'Qm9ub2JvQm9ub2Jv' },
    ...{ x: 'x'.repeat(42).concat('w'), alg: 'EdDSA' as const, use: 'sig' as const },
  },
];

function denyOf<Reason extends DenyReason>(reason: Reason, match: DenyMatch): Deny & { readonly reason: Reason } {
  return { id: 'deny-1', environmentId, match, reason, since: 1_800_000_000, until: 1_800_000_600.5 };
}

/** For each reason everything that it may hit: one that a release before does not know would end its connections. */
const DENIES: { readonly [Reason in DenyReason]: readonly (Deny & { readonly reason: Reason })[] } = {
  superseded: [denyOf('superseded', { registrationId }), denyOf('superseded', { incarnation })],
  revoked: [denyOf('revoked', { fingerprint })],
  key_retired: [denyOf('key_retired', { fingerprint })],
  grant_ended: [
    denyOf('grant_ended', { identityHash: 'identity-1' }),
    denyOf('grant_ended', { identityHash: 'identity-1', grant: 'team-a/ci' }),
    denyOf('grant_ended', { grant: 'team-a/ci' }),
  ],
};
const denies: readonly Deny[] = Object.values(DENIES).flat();
const fullDeny = {
  ...denyOf('grant_ended', { grant: 'team-a/ci' }),
  match: { identityHash: 'identity-1', grant: 'team-a/ci' },
};

const access = {
  type: 'access' as const,
  entries: [{ environmentId, identityHash: 'identity-1', grant: 'team-a/ci' }],
};
const ping = { type: 'ping' as const, nonce: 'nonce-1' };
const pong = { type: 'pong' as const, nonce: 'nonce-1' };

const TO_RELAY: Samples<ControlToRelay> = {
  sessions: [
    { type: 'sessions', sessions },
    { type: 'sessions', sessions: [] },
  ],
  ticket: [{ type: 'ticket', ticket }],
  leave: [{ type: 'leave' }],
  serving: [
    { type: 'serving', serving: false },
    { type: 'serving', serving: true },
  ],
  ping: [ping],
  pong: [pong],
};

const TO_SIDECAR: Samples<ControlToSidecar> = {
  delivered: [{ type: 'delivered', streams: { 'a5d6e9f0-stream': 65_536, 'any text ü': 0 } }],
  move: [{ type: 'move' }],
  ping: [ping],
  pong: [pong],
};

const PRESENCE_TO_RELAY: Samples<PresenceToRelay> = {
  hello: [
    { type: 'hello', registryId: 'main-registry-0', ticketKeys, denies: [fullDeny] },
    { type: 'hello', registryId: 'main-registry-0', ticketKeys, denies: [...denies] },
  ],
  ticketKeys: [{ type: 'ticketKeys', ticketKeys }],
  deny: [{ type: 'deny', deny: fullDeny }, ...denies.map((each) => ({ type: 'deny' as const, deny: each }))],
  undeny: [{ type: 'undeny', denyId: 'deny-1' }],
  ping: [{ ...ping, registrationId }],
  'ack-request': [{ type: 'ack-request', denyId: 'deny-1' }],
  removed: [{ type: 'removed', registrationId }],
  forwarding: [
    { type: 'forwarding', answered: false },
    { type: 'forwarding', answered: true },
  ],
};

const PRESENCE_TO_REGISTRY: Samples<PresenceToRegistry> = {
  hello: [{ type: 'hello', bootId, port: 8443 }],
  snapshot: [
    { type: 'snapshot', entries: [{ ticket, sessions }] },
    { type: 'snapshot', entries: [] },
  ],
  add: [{ type: 'add', entry: { ticket, sessions } }],
  remove: [{ type: 'remove', registrationId }],
  sessions: [{ type: 'sessions', registrationId, sessions }],
  pong: [
    { ...pong, registrationId, alive: true },
    { ...pong, registrationId, alive: false },
  ],
  load: [
    { type: 'load', streams: 3, bytesPerSecond: 1.5, draining: false },
    { type: 'load', streams: 0, bytesPerSecond: 0, draining: true },
  ],
  ack: [{ type: 'ack', denyId: 'deny-1' }],
  access: [access],
  penalty: [{ type: 'penalty', identityHash: 'identity-1', environmentId, untilSeconds: 1_800_000_060.25 }],
  lost: [{ type: 'lost', bootId }],
};

const WATCH_TO_SIDECAR: Samples<WatchToSidecar> = {
  hello: [
    { type: 'hello', denies: [fullDeny] },
    { type: 'hello', denies: [...denies] },
  ],
  deny: [{ type: 'deny', deny: fullDeny }, ...denies.map((each) => ({ type: 'deny' as const, deny: each }))],
  undeny: [{ type: 'undeny', denyId: 'deny-1' }],
  refresh: [{ type: 'refresh' }],
  relays: [{ type: 'relays', count: 2, notForwarding: [bootId] }],
  ping: [ping],
  pong: [pong],
};

const WATCH_TO_REGISTRY: Samples<WatchToRegistry> = {
  ack: [{ type: 'ack', denyId: 'deny-1' }],
  report: [
    {
      type: 'report',
      keys: [{ keyId, fingerprint, registrationId, present: true }],
      sessions: 2,
      lastActivity: 1_800_000_000.5,
      loaded: [fingerprint],
    },
    { type: 'report', keys: [{ fingerprint, registrationId, present: false }], sessions: 0 },
  ],
  access: [access],
  ping: [ping],
  pong: [pong],
};

const registration = { registrationId, fingerprint, incarnation, firstRegistrationTime: 1_800_000_000.5, relays: 2 };
const acknowledgements = [{ by: 'sidecar of team-a_build', time: 1_800_000_001.5, incarnation }];

const TO_OPERATOR: Samples<RegistryToOperator> = {
  hello: [{ type: 'hello', registryId: 'main-registry-0' }],
  environment: [
    {
      type: 'environment',
      environment: {
        ...{ environmentId, incarnation, sessions: 2, lastActivity: 1_800_000_000.5 },
        registrations: [{ ...registration, keyId }],
        denies: [{ ...fullDeny, acknowledgements }],
        ...{ revoked: [fingerprint], loaded: [fingerprint] },
      },
    },
    {
      type: 'environment',
      environment: {
        environmentId,
        registrations: [registration],
        denies: denies.map((each) => ({
          ...each,
          acknowledgements: [{ by: 'relay main-relay-0', time: 1_800_000_001.5 }],
        })),
      },
    },
  ],
  gone: [{ type: 'gone', environmentId }],
  synced: [
    { type: 'synced', complete: true, ticketKeys: ['Qm9ub2JvQm9ub2Jv'] },
    { type: 'synced', complete: false },
  ],
  heartbeat: [{ type: 'heartbeat' }],
};

/** One direction of one of our formats, with samples of all that this release says there. */
export interface SampledFormat {
  /** What `src/wire` exports it as, in every release. */
  readonly name: FormatName;
  readonly types: readonly string[];
  readonly sampled: readonly string[];
  readonly texts: readonly string[];
  parse(text: string): unknown;
}

export type FormatName =
  | 'controlToRelay'
  | 'controlToSidecar'
  | 'presenceToRelay'
  | 'presenceToRegistry'
  | 'watchToSidecar'
  | 'watchToRegistry'
  | 'registryToOperator';

export const SAMPLED_FORMATS: readonly SampledFormat[] = [
  sampled('controlToRelay', controlToRelay, TO_RELAY),
  sampled('controlToSidecar', controlToSidecar, TO_SIDECAR),
  sampled('presenceToRelay', presenceToRelay, PRESENCE_TO_RELAY),
  sampled('presenceToRegistry', presenceToRegistry, PRESENCE_TO_REGISTRY),
  sampled('watchToSidecar', watchToSidecar, WATCH_TO_SIDECAR),
  sampled('watchToRegistry', watchToRegistry, WATCH_TO_REGISTRY),
  sampled('registryToOperator', registryToOperator, TO_OPERATOR),
];

function sampled<Message extends { type: string }>(
  name: FormatName,
  format: OwnFormat<Message>,
  samples: Readonly<Record<string, readonly Message[]>>,
): SampledFormat {
  const messages = Object.values(samples).flat();
  return {
    name,
    types: format.types,
    sampled: Object.keys(samples),
    texts: messages.map((message) => format.encode(message)),
    parse: (text) => format.parse(text),
  };
}
