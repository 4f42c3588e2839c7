import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../../../telemetry/index.ts';
import { MAX_REGISTRY_BODY_BYTES, parseErrorBody, type Trust } from '../../../wire/index.ts';

/** A registry answers this request at once; longer is the same as not there. */
const PROBE_MS = 6_000;

/** What a TLS connection showed. */
export interface TlsFacts {
  /** OpenSSL's or Node's code of what is wrong, such as `CERT_HAS_EXPIRED`; undefined when all is well. */
  readonly problem: string | undefined;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number | undefined;
  readonly issuer: string | undefined;
  /** Whom the certificate is for, as Node writes it: `DNS:registry.example.com`. */
  readonly names: string | undefined;
}

/** What one unauthenticated request to a registry's address showed. Times are milliseconds since the epoch by our own clock. */
export type RegistryProbe =
  | { readonly kind: 'unreachable'; readonly problem: string }
  | {
      readonly kind: 'answered';
      /** Whether the answer is one that a registry gives to a path that it does not have. */
      readonly isRegistry: boolean;
      readonly status: number;
      /** Of the Date header, in whole seconds. */
      readonly date: number | undefined;
      readonly sentAt: number;
      readonly receivedAt: number;
      readonly tls: TlsFacts | undefined;
    };

export interface ProbeOptions {
  readonly registryUrl: string;
  readonly trust: Trust | undefined;
  readonly clock: Clock;
}

/** Asks a registry for nothing, without a credential. Never rejects. */
export function probeRegistry({ registryUrl, trust, clock }: ProbeOptions): Promise<RegistryProbe> {
  const url = new URL(registryUrl);
  const { promise, resolve } = Promise.withResolvers<RegistryProbe>();
  const sentAt = clock.now();
  const outgoing = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, {
    agent: false,
    // To say what is wrong with a certificate it has to be looked at. Nothing secret is sent here, and nothing that comes back is believed.
    rejectUnauthorized: false,
    ...(trust !== undefined && { ca: trust.current }),
  });
  const unreachable = (problem: string) => resolve({ kind: 'unreachable', problem });
  const timer = clock.after(PROBE_MS, () => {
    unreachable('ETIMEDOUT');
    outgoing.destroy();
  });
  outgoing.once('close', () => timer.cancel());
  outgoing.once('error', (error) => unreachable('code' in error ? String(error.code) : error.message));
  outgoing.once('response', (response) => {
    const receivedAt = clock.now();
    const tls = tlsFactsOf(response);
    const date = Date.parse(response.headers.date ?? '');
    readStart(response).then(
      (body) =>
        resolve({
          kind: 'answered',
          isRegistry: parseErrorBody(body)?.code === 'not_found',
          status: response.statusCode ?? 0,
          date: Number.isNaN(date) ? undefined : date,
          sentAt,
          receivedAt,
          tls,
        }),
      () => unreachable('the connection broke'),
    );
  });
  outgoing.end();
  return promise;
}

function tlsFactsOf({ socket }: IncomingMessage): TlsFacts | undefined {
  if (!isTls(socket)) return undefined;
  const { valid_to, issuer, subjectaltname } = socket.getPeerCertificate();
  const expiresAt = Date.parse(valid_to ?? '');
  const { CN, O } = issuer ?? {};
  const issuerName = [CN ?? O].flat()[0];
  return {
    problem: socket.authorized ? undefined : codeOf(socket.authorizationError),
    expiresAt: Number.isNaN(expiresAt) ? undefined : expiresAt,
    issuer: issuerName,
    names: subjectaltname,
  };
}

function isTls(socket: object): socket is TLSSocket {
  return 'encrypted' in socket && socket.encrypted === true;
}

/** Declared as an Error, and a code in truth. */
function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

async function readStart(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MAX_REGISTRY_BODY_BYTES) break;
  }
  return Buffer.concat(chunks).toString('utf8');
}
