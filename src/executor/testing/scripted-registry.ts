import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createTlsServer, Server as TlsServer } from 'node:https';
import { type WebSocket, WebSocketServer } from 'ws';
import { z } from 'zod';
import {
  type Deny,
  decodePublicKey,
  fingerprintOf,
  parseEnvironmentId,
  parseIncarnation,
  type RegistrationId,
  registrationIdOf,
  SECURITY_PROFILE,
  type ServingCertificate,
  type WatchToRegistry,
  type WatchToSidecar,
  watchToRegistry,
  watchToSidecar,
} from '../../wire/index.ts';

export interface Answer {
  status: number;
  body: object;
}

const posted = z.object({
  executor_public_key: z.unknown().optional(),
  harness_key_authorization: z.string().optional(),
});

/** The sidecar's view of a registry: real HTTP and WebSocket, answers as the test says. */
export class ScriptedRegistry {
  readonly #server: Server;
  readonly #watchers = new WebSocketServer({ noServer: true });
  readonly environmentId = parseEnvironmentId('team-a_build');
  readonly incarnation = parseIncarnation('pod-1');
  readonly registered: RegistrationId[] = [];
  readonly bearers = new Set<string>();
  readonly validated: string[] = [];
  readonly heard: WatchToRegistry[] = [];
  /** Denies of the `hello`. */
  denies: Deny[] = [];
  relayUrl = '';
  /** Undefined: as a registry that takes the key. */
  registerAnswer: (() => Answer | undefined) | undefined;
  validateAnswer: (authorization: string) => Answer | Promise<Answer> = (authorization) => ({
    status: 200,
    body: {
      valid: true,
      identity: 'dev:local',
      identityHash: 'hash-1',
      grant: 'default/dev',
      jti: `jti-${authorization}`,
    },
  });

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Speaks TLS with a certificate. */
  static async start(certificate?: ServingCertificate): Promise<ScriptedRegistry> {
    const server = certificate === undefined ? createServer() : createTlsServer({ ...certificate });
    const registry = new ScriptedRegistry(server);
    server.on('request', (request, response) => {
      registry.#answer(request).then(({ status, body }) => {
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      });
    });
    server.on('upgrade', (request, socket, head) => {
      registry.#watchers.handleUpgrade(request, socket, head, (watcher) => registry.#watched(watcher));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return registry;
  }

  get url(): string {
    const address = this.#server.address();
    const scheme = this.#server instanceof TlsServer ? 'https' : 'http';
    return typeof address === 'object' && address !== null ? `${scheme}://127.0.0.1:${address.port}` : '';
  }

  /** On every watch that stands. */
  tell(message: WatchToSidecar): void {
    for (const watcher of this.#watchers.clients) watcher.send(watchToSidecar.encode(message));
  }

  deny(deny: Deny): void {
    this.tell({ type: 'deny', deny });
  }

  acks(): string[] {
    return this.heard.flatMap((message) => (message.type === 'ack' ? [message.denyId] : []));
  }

  async close(): Promise<void> {
    for (const watcher of this.#watchers.clients) watcher.terminate();
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #watched(watcher: WebSocket): void {
    watcher.send(watchToSidecar.encode({ type: 'hello', denies: this.denies }));
    watcher.on('message', (data) => {
      const message = Buffer.isBuffer(data) ? watchToRegistry.parse(data.toString()) : undefined;
      if (message !== undefined) this.heard.push(message);
    });
  }

  async #answer(request: IncomingMessage): Promise<Answer> {
    this.bearers.add(request.headers.authorization ?? '');
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(Buffer.from(chunk));
    const body = posted.parse(JSON.parse(Buffer.concat(chunks).toString()));
    if (request.url?.endsWith('/register')) return this.registerAnswer?.() ?? this.#register(body.executor_public_key);
    const authorization = body.harness_key_authorization ?? '';
    this.validated.push(authorization);
    return this.validateAnswer(authorization);
  }

  #register(key: unknown): Answer {
    const fingerprint = fingerprintOf(decodePublicKey(key));
    const registrationId = registrationIdOf(this.environmentId, this.incarnation, fingerprint);
    this.registered.push(registrationId);
    const claims = Buffer.from(JSON.stringify({ incarnation: this.incarnation, n: this.registered.length }));
    const ticket = `head.${claims.toString('base64url')}.${registrationId}`;
    return {
      status: 200,
      body: {
        environment_id: this.environmentId,
        url: `${this.relayUrl}/v1/executor?role=environment&ticket=${ticket}`,
        security_profile: SECURITY_PROFILE,
        executor_registration_id: registrationId,
      },
    };
  }
}
