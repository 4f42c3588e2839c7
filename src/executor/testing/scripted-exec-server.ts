import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type WebSocket, WebSocketServer } from 'ws';
import { z } from 'zod';

const request = z.object({
  id: z.union([z.string(), z.number()]).optional(),
  method: z.string(),
  params: z.record(z.string(), z.unknown()).optional(),
});

interface Refusal {
  code: number;
  message: string;
}

/**
 * An exec-server as far as the sidecar cares: sessions that attach once, an echo, a flood, and a record of what arrived. Every text is kept
 * as it came.
 */
export class ScriptedExecServer {
  readonly #server: WebSocketServer;
  readonly received: string[] = [];
  readonly bearers = new Set<string>();
  /** Session → the connection that holds it. */
  readonly sessions = new Map<string, WebSocket | undefined>();
  readonly ended: string[] = [];
  /** Like a slow process: stops reading its sockets. */
  stalled = false;

  private constructor(server: WebSocketServer) {
    this.#server = server;
    server.on('connection', (socket, { headers }) => {
      this.bearers.add(headers.authorization ?? '');
      socket.on('message', (data) => this.#received(socket, String(data)));
      socket.once('close', () => {
        for (const [id, holder] of this.sessions) if (holder === socket) this.sessions.set(id, undefined);
      });
    });
  }

  static async start(port = 0): Promise<ScriptedExecServer> {
    const server = new WebSocketServer({ host: '127.0.0.1', port, perMessageDeflate: false });
    await once(server, 'listening');
    return new ScriptedExecServer(server);
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}`;
  }

  get connections(): WebSocket[] {
    return [...this.#server.clients];
  }

  async close(): Promise<void> {
    for (const client of this.#server.clients) client.terminate();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #received(socket: WebSocket, text: string): void {
    this.received.push(text);
    if (this.stalled) socket.pause();
    const { id, method, params = {} } = request.parse(JSON.parse(text));
    const answer = (body: object) => socket.send(JSON.stringify({ id, ...body }));
    switch (method) {
      case 'initialize':
        answer(this.#initialize(socket, params.resumeSessionId));
        return;
      case 'flood':
        for (let n = 0; n < Number(params.count); n += 1)
          socket.send(JSON.stringify({ method: 'flooded', params: { n, filler: 'x'.repeat(Number(params.size)) } }));
        return;
      case 'noisefleet/endSession':
        for (const [session, holder] of this.sessions) if (holder === socket) this.#end(session);
        answer({ result: {} });
        return;
      default:
        if (id !== undefined) answer({ result: { echo: params } });
    }
  }

  #end(session: string): void {
    this.sessions.delete(session);
    this.ended.push(session);
  }

  #initialize(socket: WebSocket, resume: unknown): { result: object } | { error: Refusal } {
    if (typeof resume !== 'string') {
      const sessionId = randomUUID();
      this.sessions.set(sessionId, socket);
      return { result: { sessionId } };
    }
    if (!this.sessions.has(resume)) return { error: { code: -32600, message: `unknown session id ${resume}` } };
    if (this.sessions.get(resume) !== undefined) return { error: { code: -32010, message: 'session is attached' } };
    this.sessions.set(resume, socket);
    return { result: { sessionId: resume } };
  }
}
