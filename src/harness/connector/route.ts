import type { Clock } from '../../telemetry/index.ts';
import type { RegistryCall } from '../../wire/index.ts';
import type { CredentialAhead } from '../registry/credential.ts';
import { callRegistry, type RegistryAnswer, type RegistryEndpoint } from '../registry/endpoint.ts';
import type { Answer } from './answer.ts';
import type { ConnectorEvent } from './events.ts';

/** One of the registry's calls as the child makes it on loopback. */
export interface ChildRequest {
  /** JSON text, bounded. */
  body: string;
  /** Those of the child's headers that go on to the registry. */
  headers: Record<string, string>;
  /** Aborted when the child hangs up. */
  signal: AbortSignal;
}

/** What routes work with. */
export interface RouteContext {
  readonly endpoint: RegistryEndpoint;
  readonly credentials: CredentialAhead;
  readonly clock: Clock;
  readonly random: () => number;
  /** The local URL that stands for a relay's. */
  localUrl(relayUrl: string): string;
  report(event: ConnectorEvent): void;
}

/** @returns the answer for the child; a throw becomes a refusal and is remembered */
type Route = (request: ChildRequest, context: RouteContext) => Promise<Answer>;

export type Routes = Partial<Record<RegistryCall, Route>>;

/** The child's request, made upstream with our own credential. */
export function forward(
  call: RegistryCall,
  { body, headers, signal }: ChildRequest,
  { endpoint, credentials, clock }: RouteContext,
  timeoutMs: number,
): Promise<RegistryAnswer> {
  return credentials.use((credential) =>
    callRegistry(endpoint, { call, credential, body, headers, signal, timeoutMs }, clock),
  );
}

/** For people: where the relay is, without the ticket. */
export function hostOf(relayUrl: string): string {
  return new URL(relayUrl).host;
}
