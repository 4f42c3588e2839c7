import { readFile } from 'node:fs/promises';
import { Agent } from 'node:https';
import vault from 'node-vault';
import { z } from 'zod';
import { CLEANSE_PLAINTEXT } from '../../kube/index.ts';
import type { Clock } from '../../telemetry/index.ts';
import type { KeyStoreErrorCode } from '../key-store.ts';
import { codeOfFailure, VaultAnswer, VaultSilence, vaultFailure } from './errors.ts';
import { type ExchangeOptions, exchangeOver } from './exchange.ts';
import { VAULT_TIMEOUT_MS, type VaultSettings } from './settings.ts';

/** A token is renewed, or asked for anew, when this part of its life is over: one that ends in the middle of a call costs a try. */
const RENEW_AFTER = 2 / 3;

/** What takes longer than the client's own limit by this is given up here: its limit counts silence, and a drip is no answer. Milliseconds. */
const GRACE_MS = 1_000;

const loginAnswer = z.object({
  auth: z.object({ client_token: z.string().min(1), lease_duration: z.number(), renewable: z.boolean() }),
});

export interface VaultRequest {
  readonly method: 'GET' | 'POST' | 'LIST' | 'DELETE';
  /** Below `/v1/`. */
  readonly path: string;
  /** JSON as bytes: what holds a key can be wiped. */
  readonly body?: Uint8Array;
  /** The answer as bytes, for the same reason: whoever asks wipes them. */
  readonly asBytes?: true;
}

const OPERATIONS = { GET: 'read', POST: 'write', LIST: 'list', DELETE: 'delete' } as const;

interface Session {
  readonly token: string;
  /** Milliseconds since the epoch; infinite for a token that does not end. */
  readonly renewAt: number;
  readonly expiresAt: number;
  readonly isRenewable: boolean;
}

/** One request that was answered or given up, for whoever counts. */
export interface VaultCall {
  readonly operation: 'read' | 'write' | 'list' | 'delete' | 'login';
  readonly result: 'ok' | KeyStoreErrorCode;
  readonly milliseconds: number;
}

export interface VaultClientOptions {
  readonly settings: VaultSettings;
  readonly clock: Pick<Clock, 'now' | 'after'>;
  readonly onCall?: ((call: VaultCall) => void) | undefined;
}

/**
 * Calls Vault or OpenBao with a token of its own, which it gets when it needs one and renews when it is used: nothing runs in between. A refused
 * call is tried once more with a new token, since a token may have been revoked, or ended with a restart of Vault.
 */
export class VaultClient {
  readonly #options: VaultClientOptions;
  readonly #client: ReturnType<typeof vault>;
  readonly #transport: ExchangeOptions;
  #session: Session | undefined;
  #pending: Promise<Session> | undefined;

  constructor(options: VaultClientOptions) {
    const { address, ca, timeout = VAULT_TIMEOUT_MS } = options.settings;
    this.#options = options;
    const tls = { secureOptions: CLEANSE_PLAINTEXT, ...(ca !== undefined && { ca }) };
    this.#transport = { httpsAgent: new Agent({ keepAlive: true, ...tls }), timeout };
    // Its own debug output prints bodies, keys included.
    const transport = { 'request-promise': exchangeOver(this.#transport) };
    this.#client = vault({ endpoint: address, debug: () => undefined, ...transport });
    // What it takes from the environment by itself is not ours.
    Object.assign(this.#client, { token: '', namespace: options.settings.namespace ?? '', pathPrefix: '' });
  }

  /** @returns the body of the answer, of one with `asBytes` a `Uint8Array`. Rejects with `VaultAnswer` or `VaultSilence`. */
  async call(request: VaultRequest, signal?: AbortSignal): Promise<unknown> {
    const { token } = await this.#login(signal);
    try {
      return await this.#send(request, token, signal);
    } catch (error) {
      if (!(error instanceof VaultAnswer) || error.status !== 403) throw error;
      this.#forget(token);
      const fresh = await this.#login(signal);
      return this.#send(request, fresh.token, signal);
    }
  }

  close(): void {
    this.#transport.httpsAgent.destroy();
  }

  async #send(request: VaultRequest, token: string, signal?: AbortSignal): Promise<unknown> {
    const { clock, onCall } = this.#options;
    const operation = request.path.startsWith('auth/') ? 'login' : OPERATIONS[request.method];
    const began = clock.now();
    const tell = (result: VaultCall['result']) => onCall?.({ operation, result, milliseconds: clock.now() - began });
    const answer = await this.#exchange(request, token, signal).catch((error: unknown) => {
      tell(codeOfFailure(vaultFailure(error)));
      throw error;
    });
    tell('ok');
    return answer;
  }

  #exchange({ method, path, body, asBytes }: VaultRequest, token: string, signal?: AbortSignal): Promise<unknown> {
    const headers = { 'X-Vault-Token': token, ...(body !== undefined && { 'content-type': 'application/json' }) };
    const json = body === undefined ? {} : { json: body };
    const request = { method, path: `/${path}`, headers, asBytes, ...json };
    return this.#within(() => this.#client.request(request), signal);
  }

  /** One login at a time, however many wait for it. */
  async #login(signal?: AbortSignal): Promise<Session> {
    const known = this.#session;
    const now = this.#options.clock.now();
    if (known !== undefined && now < known.renewAt) return known;
    const mayRenew = known?.isRenewable && now < known.expiresAt;
    this.#pending ??= this.#kept(mayRenew ? this.#renewed(known) : this.#fresh());
    const pending = this.#pending;
    return this.#within(() => pending, signal);
  }

  async #kept(session: Promise<Session>): Promise<Session> {
    try {
      this.#session = await session;
      return this.#session;
    } finally {
      this.#pending = undefined;
    }
  }

  async #fresh(): Promise<Session> {
    const { login } = this.#options.settings;
    const proof = (await readFile(login.tokenFile, 'utf8').catch(() => fail('no token file'))).trim();
    if (login.type === 'Token') {
      return { token: proof, renewAt: this.#options.clock.now() + 60_000, expiresAt: 0, isRenewable: false };
    }
    const body = Buffer.from(JSON.stringify({ role: login.role, jwt: proof }));
    const answer = await this.#send({ method: 'POST', path: `auth/${login.mount}/login`, body }, '').catch(asLogin);
    return this.#sessionOf(answer);
  }

  /** A token whose longest life is near its end is renewed for less and less: then a new one is asked for. */
  async #renewed({ token }: Session): Promise<Session> {
    try {
      return this.#sessionOf(await this.#send({ method: 'POST', path: 'auth/token/renew-self' }, token));
    } catch (error) {
      if (error instanceof VaultAnswer) return this.#fresh();
      throw error;
    }
  }

  #sessionOf(answer: unknown): Session {
    const parsed = loginAnswer.safeParse(answer);
    if (!parsed.success) return fail('no token in the answer');
    const { auth } = parsed.data;
    const now = this.#options.clock.now();
    const life = auth.lease_duration === 0 ? Number.POSITIVE_INFINITY : auth.lease_duration * 1000;
    return {
      token: auth.client_token,
      renewAt: now + life * RENEW_AFTER,
      expiresAt: now + life,
      isRenewable: auth.renewable,
    };
  }

  #forget(token: string): void {
    if (this.#session?.token === token) this.#session = undefined;
  }

  /** Errors of the client hold the request; ours do not. */
  async #within<T>(run: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const { promise, reject } = Promise.withResolvers<never>();
    const onAbort = () => reject(new VaultSilence('aborted'));
    if (signal?.aborted === true) onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
    const timer = this.#options.clock.after(this.#transport.timeout + GRACE_MS, () =>
      reject(new VaultSilence('ETIMEDOUT')),
    );
    try {
      return await Promise.race([run(), promise]);
    } catch (error) {
      throw vaultFailure(error);
    } finally {
      timer.cancel();
      signal?.removeEventListener('abort', onAbort);
    }
  }
}

/** What it says of our proof is not about the keys that were asked for. */
function asLogin(error: unknown): never {
  throw error instanceof VaultAnswer ? new VaultAnswer(error.status, [error.message], true) : error;
}

function fail(code: string): never {
  throw new VaultSilence(code);
}
