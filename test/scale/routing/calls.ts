import type { PublicKey } from '../../../src/noise/index.ts';
import {
  connectResponse,
  type EnvironmentId,
  encodePublicKey,
  parseBody,
  parseErrorBody,
  type RegistryCall,
  registerResponse,
  registryPath,
  SECURITY_PROFILE,
} from '../../../src/wire/index.ts';

/** A registry holds `connect` for 4.5 s and `register` for 6.5 s; one that says nothing for longer is wrong. Milliseconds. */
const ANSWER_LIMIT_MS = 15_000;

/** What came of a call. `lost`: the registry was killed, or is not there. */
export type Answer<Body> =
  | { readonly kind: 'ok'; readonly body: Body }
  | { readonly kind: 'refused'; readonly status: number; readonly code: string }
  | { readonly kind: 'lost' };

export interface Caller {
  readonly registryUrl: string;
  readonly environmentId: EnvironmentId;
  readonly token: string;
  readonly publicKey: PublicKey;
}

export async function register(caller: Caller) {
  const body = { security_profile: SECURITY_PROFILE, executor_public_key: encodePublicKey(caller.publicKey) };
  return post(caller, 'register', body, (text) => parseBody(registerResponse, text, 'register response'));
}

export async function connect(caller: Caller) {
  const body = { harness_public_key: encodePublicKey(caller.publicKey) };
  return post(caller, 'connect', body, (text) => parseBody(connectResponse, text, 'connect response'));
}

/** @throws when a registry lives and does not answer */
async function post<Body>(
  { registryUrl, environmentId, token }: Caller,
  call: RegistryCall,
  body: object,
  parse: (text: string) => Body,
): Promise<Answer<Body>> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const signal = AbortSignal.timeout(ANSWER_LIMIT_MS);
  try {
    const url = `${registryUrl}${registryPath(environmentId, call)}`;
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body), signal });
    const text = await response.text();
    if (response.ok) return { kind: 'ok', body: parse(text) };
    return { kind: 'refused', status: response.status, code: parseErrorBody(text)?.code ?? '' };
  } catch (error) {
    if (signal.aborted) throw new Error(`no answer to ${call} of ${environmentId}`, { cause: error });
    if (error instanceof TypeError) return { kind: 'lost' };
    throw error;
  }
}
