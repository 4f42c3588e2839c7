import type { infer as Parsed, ZodType } from 'zod';
import {
  connectRequest,
  connectResponse,
  encodePublicKey,
  errorBody,
  registerRequest,
  registerResponse,
  SECURITY_PROFILE,
  validateRequest,
  validateResponse,
} from '../../src/wire/index.ts';
import type * as registryApi from '../../src/wire/registry-api/registry-api.ts';
import type { TicketKinds } from '../../src/wire/tickets/claims.ts';
import { bootId, environmentId, type Full, harness, incarnation, keyId, registrationId } from './samples.ts';

/** A moment in which every ticket of the samples is good. Seconds since the epoch. */
export const SAMPLE_TIME = 1_800_000_000;

const publicKey = { x25519: new Uint8Array(32).fill(7), mlkem768: new Uint8Array(1_184).fill(9) };
const expiresAt = SAMPLE_TIME + 60;
const bound = {
  environmentId,
  registrationId,
  grant: 'team-a/ci',
  identityHash: 'identity-1',
  harnessKeyHash: harness,
};
const jti = '0b0f7c9e-4c1f-4a0b-8a63-3f7d6b1f2d11';

/** One of each kind with all its claims, and one without those that may be missing. */
export const SAMPLED_TICKETS: {
  readonly [Kind in keyof TicketKinds]: readonly [Full<TicketKinds[Kind]>, ...TicketKinds[Kind][]];
} = {
  executor: [
    {
      ...{ environmentId, registrationId, incarnation, keyId, publicKey, expiresAt },
      ...{ firstRegistrationTime: SAMPLE_TIME - 3_600.25, runtime: 'sidecar' },
    },
    {
      ...{ environmentId, registrationId, incarnation, publicKey, expiresAt },
      ...{ firstRegistrationTime: SAMPLE_TIME, runtime: 'external' },
    },
  ],
  harness: [{ ...bound, bootId, address: '10.0.0.7:8443', jti, expiresAt }],
  authorization: [
    { ...bound, identity: 'system:serviceaccount:ci:runner', jti, expiresAt },
    {
      environmentId,
      registrationId,
      harnessKeyHash: harness,
      grant: 'team-a/ci',
      identity: 'dev:local',
      jti,
      expiresAt,
    },
  ],
};

/** Schemas of the registry API by name, as every release exports them. */
type Schemas = {
  [Name in keyof typeof registryApi as (typeof registryApi)[Name] extends ZodType
    ? Name
    : never]: (typeof registryApi)[Name];
};
export type BodyName = keyof Schemas;

export const BODY_SCHEMAS: { readonly [Name in BodyName]: ZodType<object> } = {
  registerRequest,
  registerResponse,
  connectRequest,
  connectResponse,
  validateRequest,
  validateResponse,
  errorBody,
};

const relayUrl = (role: string) => `wss://relay.example.com/v1/${role}?role=${role}&ticket=header.claims.signature`;
const security_profile = SECURITY_PROFILE;
const executor_registration_id = registrationId;
const key = encodePublicKey(publicKey);
const authorization = 'header.claims.signature';

/** Bodies of the registry API, every member of each. */
export const SAMPLED_BODIES: { readonly [Name in BodyName]: Full<Parsed<Schemas[Name]>> } = {
  registerRequest: { security_profile, executor_public_key: key },
  registerResponse: {
    ...{ environment_id: environmentId, url: relayUrl('executor'), security_profile, executor_registration_id },
    ticket_expiration_time: expiresAt,
  },
  connectRequest: { harness_public_key: key },
  connectResponse: {
    ...{ environment_id: environmentId, url: relayUrl('harness'), security_profile, executor_registration_id },
    ...{ executor_public_key: key, harness_key_authorization: authorization },
  },
  validateRequest: { executor_registration_id, harness_public_key: key, harness_key_authorization: authorization },
  validateResponse: { valid: true, grant: 'team-a/ci', identity: 'dev:local', identityHash: 'identity-1', jti },
  errorBody: { error: { code: 'environment_offline', message: 'The environment is known …' } },
};

export const BODY_NAMES: readonly BodyName[] = Object.keys(SAMPLED_BODIES).filter(isBodyName);

function isBodyName(name: string): name is BodyName {
  return Object.hasOwn(SAMPLED_BODIES, name);
}
