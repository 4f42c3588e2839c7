import type { PublicKey } from '../../noise/index.ts';
import type { Clock } from '../../telemetry/index.ts';
import {
  type ConnectResponse,
  connectResponse,
  decodePublicKey,
  encodePublicKey,
  type Fingerprint,
  parseBody,
  parseErrorBody,
  type RegistrationId,
} from '../../wire/index.ts';
import { HarnessError, messageOf } from '../error.ts';
import { isRetryableConnect } from '../retry.ts';
import type { CredentialAhead } from './credential.ts';
import { callRegistry, type RegistryAnswer, type RegistryEndpoint } from './endpoint.ts';
import { checkPinned, type RemoteKeys } from './remote-keys.ts';

/** One `connect` request, as the real harness waits for it (contract §2.3). */
const CONNECT_TIMEOUT_MS = 6000;

/** What `connect` hands out: single use, about a minute. */
export interface ConnectBundle {
  relayUrl: string;
  registrationId: RegistrationId;
  executorKey: PublicKey;
  fingerprint: Fingerprint;
  authorization: string;
}

export interface ConnectOptions {
  endpoint: RegistryEndpoint;
  credentials: CredentialAhead;
  harnessKey: PublicKey;
  remoteKeys: RemoteKeys;
  clock: Clock;
  signal?: AbortSignal;
}

/**
 * Asks the registry for the way to the executor, once.
 *
 * @throws HarnessError with the registry's own code when it refuses; `key_not_pinned`; those of `callRegistry` and of the credentials
 */
export async function connect(options: ConnectOptions): Promise<ConnectBundle> {
  const { endpoint, credentials, harnessKey, remoteKeys, clock, signal } = options;
  const body = JSON.stringify({ harness_public_key: encodePublicKey(harnessKey) });
  const answer = await credentials.use((credential) =>
    callRegistry(
      endpoint,
      { call: 'connect', credential, body, timeoutMs: CONNECT_TIMEOUT_MS, ...(signal && { signal }) },
      clock,
    ),
  );
  if (answer.status < 200 || answer.status > 299) throw refusalOf(answer, 'connect');
  const parsed = parseConnectAnswer(answer.body, endpoint.environmentId);
  const executorKey = decodePublicKey(parsed.executor_public_key);
  return {
    relayUrl: parsed.url,
    registrationId: parsed.executor_registration_id,
    executorKey,
    fingerprint: await checkPinned(executorKey, remoteKeys),
    authorization: parsed.harness_key_authorization,
  };
}

/** @throws HarnessError `registry_malformed` */
export function parseConnectAnswer(body: string, environmentId: string): ConnectResponse {
  try {
    const parsed = parseBody(connectResponse, body, 'connect answer');
    if (parsed.environment_id === environmentId) return parsed;
  } catch (cause) {
    throw new HarnessError('registry_malformed', 'connect', messageOf(cause), { cause });
  }
  throw new HarnessError('registry_malformed', 'connect', 'the answer is about another environment');
}

export function refusalOf(answer: RegistryAnswer, step: 'connect' | 'register' | 'validate'): HarnessError {
  const error = parseErrorBody(answer.body);
  const message = error?.message ?? `the registry answered ${answer.status}`;
  return new HarnessError(error?.code ?? 'registry_refused', step, message, {
    status: answer.status,
    retryable: isRetryableConnect(answer.status, error?.code),
  });
}
