import { z } from 'zod';
import type { PublicKey } from '../../noise/index.ts';
import type { BootId, EnvironmentId, Incarnation, KeyHash, KeyId, RegistrationId } from '../ids.ts';
import {
  bootIdField,
  environmentIdField,
  incarnationField,
  keyHashField,
  keyIdField,
  registrationIdField,
  secondsField,
  shortText,
} from '../own/fields.ts';

/** The version of all three kinds of claims. */
export const TICKET_VERSION = 1;

export const TICKET_ISSUER = 'noisefleet';

/** Lives of our-side §2, in seconds. */
export const SIDECAR_TICKET_SECONDS = 600;
export const EXTERNAL_TICKET_SECONDS = 7 * 86_400;
export const HARNESS_TICKET_SECONDS = 60;
export const AUTHORIZATION_SECONDS = 60;

/** Admits an executor's sockets, many times, for one registration. All times in seconds since the epoch. */
export interface ExecutorTicket {
  environmentId: EnvironmentId;
  registrationId: RegistrationId;
  incarnation: Incarnation;
  /** Missing for `External`, whose keys nobody names. */
  keyId?: KeyId;
  publicKey: PublicKey;
  firstRegistrationTime: number;
  /** Whose executor: our sidecar speaks control messages, a real one (`external`) does not. */
  runtime: 'sidecar' | 'external';
  expiresAt: number;
}

/** Admits one socket of a harness at one relay. */
export interface HarnessTicket {
  environmentId: EnvironmentId;
  registrationId: RegistrationId;
  /** The relay that holds the executor, and its `host:port` as the registry observed it. */
  bootId: BootId;
  address: string;
  grant: string;
  identityHash: string;
  harnessKeyHash: KeyHash;
  jti: string;
  expiresAt: number;
}

/** `harness_key_authorization`: that this harness key may open channels to this registration. */
export interface HarnessAuthorization {
  environmentId: EnvironmentId;
  registrationId: RegistrationId;
  harnessKeyHash: KeyHash;
  jti: string;
  grant: string;
  identity: string;
  identityHash?: string;
  expiresAt: number;
}

export interface TicketKinds {
  executor: ExecutorTicket;
  harness: HarnessTicket;
  authorization: HarnessAuthorization;
}

export type TicketKind = keyof TicketKinds;

/** What the JWT of each kind carries beside its claims. Each `typ` and audience is refused as any other. */
export const TICKET_HEADERS = {
  executor: { typ: 'noisefleet-executor-ticket+jwt', audience: 'noisefleet-relay-executor' },
  harness: { typ: 'noisefleet-harness-ticket+jwt', audience: 'noisefleet-relay-harness' },
  authorization: { typ: 'noisefleet-harness-authorization+jwt', audience: 'noisefleet-validate' },
} as const satisfies Record<TicketKind, { typ: string; audience: string }>;

/** Unpadded base64url of exactly so many bytes, in its one spelling. */
function bytesField(length: number) {
  return z
    .string()
    .refine((text) => {
      const bytes = Buffer.from(text, 'base64url');
      return bytes.length === length && bytes.toString('base64url') === text;
    })
    .transform((text): Uint8Array => Buffer.from(text, 'base64url'));
}

const publicKeyField = z.object({ x25519: bytesField(32), mlkem768: bytesField(1184) });

const registered = { exp: secondsField };

/** JWT claims → tickets. */
export const CLAIM_SCHEMAS = {
  executor: z
    .object({
      ...registered,
      environmentId: environmentIdField,
      registrationId: registrationIdField,
      incarnation: incarnationField,
      keyId: keyIdField.optional(),
      publicKey: publicKeyField,
      firstRegistrationTime: secondsField,
      runtime: z.enum(['sidecar', 'external']),
    })
    .transform(
      ({ exp, keyId, ...rest }): ExecutorTicket => ({ ...rest, ...(keyId !== undefined && { keyId }), expiresAt: exp }),
    ),
  harness: z
    .object({
      ...registered,
      environmentId: environmentIdField,
      registrationId: registrationIdField,
      bootId: bootIdField,
      address: shortText,
      grant: shortText,
      identityHash: shortText,
      harnessKeyHash: keyHashField,
      jti: shortText,
    })
    .transform(({ exp, ...rest }): HarnessTicket => ({ ...rest, expiresAt: exp })),
  authorization: z
    .object({
      ...registered,
      environmentId: environmentIdField,
      registrationId: registrationIdField,
      harnessKeyHash: keyHashField,
      jti: shortText,
      grant: shortText,
      identity: shortText,
      identityHash: shortText.optional(),
    })
    .transform(
      ({ exp, identityHash, ...rest }): HarnessAuthorization => ({
        ...rest,
        ...(identityHash !== undefined && { identityHash }),
        expiresAt: exp,
      }),
    ),
} satisfies { [Kind in TicketKind]: z.ZodType<TicketKinds[Kind]> };

/** The claims of an executor ticket, whose keys are text in a JWT. */
export function executorClaims({ expiresAt: _, publicKey, ...rest }: ExecutorTicket): Record<string, unknown> {
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url');
  return { ...rest, publicKey: { x25519: text(publicKey.x25519), mlkem768: text(publicKey.mlkem768) } };
}
