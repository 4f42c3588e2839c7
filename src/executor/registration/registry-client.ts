import { readFile } from 'node:fs/promises';
import type { z } from 'zod';
import type { PublicKey } from '../../noise/index.ts';
import type { Clock } from '../../telemetry/index.ts';
import {
  type EnvironmentId,
  encodePublicKey,
  parseBody,
  parseErrorBody,
  type RegistrationId,
  type RegistryCall,
  registerResponse,
  registryPath,
  SECURITY_PROFILE,
  STREAM_ID_HEADER,
  type StreamId,
  type Trust,
  validateResponse,
} from '../../wire/index.ts';
import { codeOf, ExecutorError } from '../errors.ts';
import { type HttpAnswer, RegistryConnection } from './registry-connection.ts';

/** The contract gives a registry call 10 s (§8.1). */
const CALL_TIMEOUT_MS = 10_000;
/** A bearer line; anything longer is the wrong file. */
const MAX_TOKEN_LENGTH = 16_384;

export interface RegistryClientOptions {
  environmentId: EnvironmentId;
  registryUrl: string;
  tokenFile: string;
  trust?: Trust;
  clock: Clock;
}

export interface Registered {
  kind: 'registered';
  registrationId: RegistrationId;
  /** With the ticket in its query: never logged. */
  url: string;
  /** Seconds since the epoch; undefined when the registry does not say. */
  ticketExpirationTime?: number;
}

export type RegisterAnswer =
  | Registered
  /** Another incarnation took the place. Final. */
  | { kind: 'superseded' }
  /** The key is not Prepared, Active or Retiring: it may become so, or never. */
  | { kind: 'key_not_current' }
  /** Not now: not admitted yet, registry away or overloaded, our token refused. */
  | { kind: 'later'; code: string; retryAfterMs?: number };

export type ValidateAnswer =
  | ({ kind: 'valid' } & Omit<z.infer<typeof validateResponse>, 'valid'>)
  | { kind: 'invalid' }
  /** 401: our own credential is proven bad. */
  | { kind: 'credential_rejected' }
  /** Could not be decided. Not a failed handshake. */
  | { kind: 'unavailable'; code: string };

export interface ValidateQuestion {
  registrationId: RegistrationId;
  streamId: StreamId;
  harnessKey: PublicKey;
  authorization: string;
}

/** The executor's calls of the registry API (contract §2, our-side §5). Answers are values: nothing here throws. */
export class RegistryClient {
  readonly #options: RegistryClientOptions;
  readonly #connection: RegistryConnection;
  readonly #closing = new AbortController();

  constructor(options: RegistryClientOptions) {
    this.#options = options;
    this.#connection = new RegistryConnection(
      options.registryUrl.trim().replace(/\/+$/, ''),
      options.clock,
      options.trust,
    );
  }

  /** Reads the bearer now. Throws `ExecutorError` `token_file`. */
  async token(): Promise<string> {
    let token: string;
    try {
      token = (await readFile(this.#options.tokenFile, 'utf8')).trim();
    } catch (cause) {
      throw new ExecutorError('token_file', 'read', 'the token file cannot be read', cause);
    }
    if (token === '' || token.length > MAX_TOKEN_LENGTH || /\s/.test(token))
      throw new ExecutorError('token_file', 'read', 'the token file does not hold one token');
    return token;
  }

  /** Gives up the calls under way. */
  close(): void {
    this.#closing.abort();
    this.#connection.close();
  }

  async register(publicKey: PublicKey): Promise<RegisterAnswer> {
    try {
      const answer = await this.#post('register', {
        security_profile: SECURITY_PROFILE,
        executor_public_key: encodePublicKey(publicKey),
      });
      return isSuccess(answer) ? this.#registered(answer.body) : refusedRegistration(answer);
    } catch (error) {
      return { kind: 'later', code: codeOf(error) };
    }
  }

  async validate({ registrationId, streamId, harnessKey, authorization }: ValidateQuestion): Promise<ValidateAnswer> {
    const body = {
      executor_registration_id: registrationId,
      harness_public_key: encodePublicKey(harnessKey),
      harness_key_authorization: authorization,
    };
    try {
      const answer = await this.#post('validate', body, { [STREAM_ID_HEADER]: streamId });
      if (answer.status === 401) return { kind: 'credential_rejected' };
      if (!isSuccess(answer)) return { kind: 'unavailable', code: codeIn(answer) };
      const { valid, ...proof } = parseBody(validateResponse, answer.body, 'validate response');
      return valid ? { kind: 'valid', ...proof } : { kind: 'invalid' };
    } catch (error) {
      return { kind: 'unavailable', code: codeOf(error) };
    }
  }

  #registered(body: string): RegisterAnswer {
    const response = parseBody(registerResponse, body, 'register response');
    if (response.environment_id !== this.#options.environmentId) return { kind: 'later', code: 'wrong_environment' };
    const { url, executor_registration_id: registrationId, ticket_expiration_time: ticketExpirationTime } = response;
    return {
      kind: 'registered',
      registrationId,
      url,
      ...(ticketExpirationTime !== undefined && { ticketExpirationTime }),
    };
  }

  async #post(call: RegistryCall, body: object, headers: Record<string, string> = {}): Promise<HttpAnswer> {
    const token = await this.token();
    const timeout = new AbortController();
    const timer = this.#options.clock.after(CALL_TIMEOUT_MS, () => timeout.abort());
    try {
      return await this.#connection.post(registryPath(this.#options.environmentId, call), {
        signal: AbortSignal.any([timeout.signal, this.#closing.signal]),
        headers: { ...asciiOnly(headers), authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    } finally {
      timer.cancel();
    }
  }
}

function isSuccess({ status }: HttpAnswer): boolean {
  return status >= 200 && status < 300;
}

function refusedRegistration(answer: HttpAnswer): RegisterAnswer {
  const code = codeIn(answer);
  if (answer.status === 403 && code === 'superseded') return { kind: 'superseded' };
  if (answer.status === 403 && code === 'key_not_current') return { kind: 'key_not_current' };
  return { kind: 'later', code, ...(answer.retryAfterMs !== undefined && { retryAfterMs: answer.retryAfterMs }) };
}

function codeIn({ status, body }: HttpAnswer): string {
  return parseErrorBody(body)?.code ?? `http_${status}`;
}

/** Stream ids are the harness's choice: one that is no header value is left out, the header is optional. */
function asciiOnly(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([, value]) => /^[\x21-\x7e]+$/.test(value)));
}
