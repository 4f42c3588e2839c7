import { z } from 'zod';
import { WireError } from '../errors.ts';
import { type EnvironmentId, isRegistrationId, type RegistrationId } from '../ids.ts';
import { MAX_AUTHORIZATION_BYTES, MAX_REGISTRY_BODY_BYTES } from '../limits.ts';
import { publicKeyJson } from './public-key.ts';

/** The only profile of the registry API. */
export const SECURITY_PROFILE = 'noise_hybrid_ik_v1';

export type RegistryCall = 'register' | 'connect' | 'validate';

/** The path under a registry's base URL (contract §2). */
export function registryPath(environmentId: EnvironmentId, call: RegistryCall): string {
  return `/cloud/environment/${environmentId}/${call}`;
}

/** Optional on `validate`, since 0.166 of the real executor: which stream the handshake came on. */
export const STREAM_ID_HEADER = 'x-codex-noise-stream-id';

const nonBlank = z.string().regex(/\S/);
const registrationId = z.custom<RegistrationId>(isRegistrationId);
const authorization = nonBlank.refine((text) => Buffer.byteLength(text) <= MAX_AUTHORIZATION_BYTES);
const relayUrl = nonBlank.refine((text) => /^wss?:$/.test(URL.parse(text)?.protocol ?? ''));

// Requests may carry more than we know (a later client): only the key object is exact.

/** Executor → registry. */
export const registerRequest = z.object({
  security_profile: z.literal(SECURITY_PROFILE),
  executor_public_key: publicKeyJson,
});

export const registerResponse = z.object({
  environment_id: nonBlank,
  url: relayUrl,
  security_profile: z.literal(SECURITY_PROFILE),
  executor_registration_id: registrationId,
  /** Ours only: when the ticket in `url` ends, in seconds since the epoch, so that a sidecar refreshes it in time. */
  ticket_expiration_time: z.number().positive().optional(),
});

/** Harness → registry. */
export const connectRequest = z.object({ harness_public_key: publicKeyJson });

export const connectResponse = z.object({
  environment_id: nonBlank,
  url: relayUrl,
  security_profile: z.literal(SECURITY_PROFILE),
  executor_registration_id: registrationId,
  executor_public_key: publicKeyJson,
  harness_key_authorization: authorization,
});

/** Executor → registry, once per handshake: the key is the one that the handshake proved. */
export const validateRequest = z.object({
  executor_registration_id: registrationId,
  harness_public_key: publicKeyJson,
  // A forged one is an answer of `valid: false`, not a bad request: only its length is bounded here.
  harness_key_authorization: z.string().refine((text) => Buffer.byteLength(text) <= MAX_AUTHORIZATION_BYTES),
});

/** `grant`, `identity` and `jti` are there only in an answer to our sidecar (our-side §5). */
export const validateResponse = z.object({
  valid: z.boolean(),
  grant: z.string().optional(),
  identity: z.string().optional(),
  identityHash: z.string().optional(),
  jti: z.string().optional(),
});

export const errorBody = z.object({ error: z.object({ code: z.string(), message: z.string() }) });

/** Codes go into logs and decide; one that is not such a word is not taken from whoever answered. */
const ERROR_CODE = /^[A-Za-z0-9_.-]{1,64}$/;
/** A message is shown to people: so much of it, on one line. */
const MAX_ERROR_MESSAGE_LENGTH = 500;

export type RegisterRequest = z.infer<typeof registerRequest>;
export type RegisterResponse = z.infer<typeof registerResponse>;
export type ConnectRequest = z.infer<typeof connectRequest>;
export type ConnectResponse = z.infer<typeof connectResponse>;
export type ValidateRequest = z.infer<typeof validateRequest>;
export type ValidateResponse = z.infer<typeof validateResponse>;
export type ErrorBody = z.infer<typeof errorBody>;

/**
 * A body of the registry API, request or response, by its schema.
 *
 * @throws WireError `too_large`, `malformed_json`, `malformed_value` (names the fields, never their values)
 */
export function parseBody<Body>(schema: z.ZodType<Body>, text: string, step: string): Body {
  if (text.length > MAX_REGISTRY_BODY_BYTES) throw new WireError('too_large', step, `${text.length} characters`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // No cause: the engine's message quotes the text.
    throw new WireError('malformed_json', step, 'is not JSON');
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const fields = parsed.error.issues.map(({ path }) => path.join('.') || 'body');
  throw new WireError('malformed_value', step, `wrong or missing: ${fields.join(', ')}`);
}

/**
 * The code and message of an error answer, if it has such a body; clients must live without. Whoever answers knows our ticket or token, so
 * a code that is no plain word is none, and the message is fit to be printed: a terminal does what control characters say.
 */
export function parseErrorBody(text: string): ErrorBody['error'] | undefined {
  try {
    const { code, message } = parseBody(errorBody, text, 'error body').error;
    if (!ERROR_CODE.test(code)) return undefined;
    return { code, message: message.replace(/\p{C}+/gu, ' ').slice(0, MAX_ERROR_MESSAGE_LENGTH) };
  } catch {
    return undefined;
  }
}
