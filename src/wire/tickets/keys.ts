import { createHash, createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { secondsField, shortText } from '../own/fields.ts';
import type { TicketJwk } from '../own/presence.ts';
import { TicketError } from './error.ts';

/** One key that signs tickets. Times in seconds since the epoch. */
export interface TicketKey {
  kid: string;
  privateKey: KeyObject;
  publicJwk: TicketJwk;
  /** Signs from here on: when every ready relay and registry has loaded its public half. */
  notBefore: number;
  /** Signs no more from here on; its public half stays accepted for `TICKET_KEY_ACCEPTED_SECONDS`. */
  retireAt?: number;
}

/** 8 days: one more than the longest ticket lives (our-side §2). */
export const TICKET_KEY_ACCEPTED_SECONDS = 8 * 86_400;

/** Keys in one file; a rotation retires one and adds one. */
const MAX_KEYS = 64;

const keysFile = z.strictObject({
  version: z.literal(1),
  keys: z
    .array(
      z.strictObject({
        kid: shortText,
        privateJwk: z.strictObject({
          kty: z.literal('OKP'),
          crv: z.literal('Ed25519'),
          x: z.string(),
          d: z.string(),
        }),
        notBefore: secondsField,
        retireAt: secondsField.optional(),
      }),
    )
    .min(1)
    .max(MAX_KEYS),
});

export function generateTicketKey(notBefore = 0): TicketKey {
  const { privateKey } = generateKeyPairSync('ed25519');
  const publicHalf = privateKey.export({ format: 'jwk' }).x ?? '';
  const kid = createHash('sha256').update(publicHalf).digest('base64url').slice(0, 16);
  return ticketKey({ kid, privateKey, notBefore });
}

/** The text of a ticket keys file: `{"version":1,"keys":[{kid, privateJwk, notBefore, retireAt?}]}`. A secret. */
export function encodeTicketKeys(keys: readonly TicketKey[]): string {
  const entries = keys.map(({ kid, privateKey, notBefore, retireAt }) => {
    const { kty, crv, x, d } = privateKey.export({ format: 'jwk' });
    return { kid, privateJwk: { kty, crv, x, d }, notBefore, ...(retireAt !== undefined && { retireAt }) };
  });
  return `${JSON.stringify({ version: 1, keys: entries }, null, 2)}\n`;
}

/** @throws TicketError `keys_file`, without a cause: the engine's messages quote what they could not read */
export function decodeTicketKeys(text: string): TicketKey[] {
  const parsed = keysFile.safeParse(jsonOf(text));
  if (!parsed.success) throw malformed('not version 1 of the format, or a member is missing or unknown');
  const keys = parsed.data.keys.map(({ kid, privateJwk, notBefore, retireAt }) => {
    const key = ticketKey({ kid, privateKey: importPrivate(privateJwk), notBefore });
    return retireAt === undefined ? key : { ...key, retireAt };
  });
  if (new Set(keys.map(({ kid }) => kid)).size < keys.length) throw malformed('two keys have one kid');
  return keys;
}

function ticketKey({ kid, privateKey, notBefore }: Pick<TicketKey, 'kid' | 'privateKey' | 'notBefore'>): TicketKey {
  const { x = '' } = privateKey.export({ format: 'jwk' });
  return { kid, privateKey, notBefore, publicJwk: { kty: 'OKP', crv: 'Ed25519', x, kid, alg: 'EdDSA', use: 'sig' } };
}

function importPrivate(jwk: { kty: string; crv: string; x: string; d: string }): KeyObject {
  try {
    return createPrivateKey({ key: jwk, format: 'jwk' });
  } catch {
    throw malformed('a private key is not an Ed25519 JWK');
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw malformed('not JSON');
  }
}

function malformed(message: string): TicketError {
  return new TicketError('keys_file', 'ticket keys', message);
}
