import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { createLogger } from '../../telemetry/index.ts';
import { type ExecServer, type ExecServerOptions, startExecServer } from '../exec-server.ts';

export const TOKEN = 'token-of-a-test';

/** What a test looks at in an answer or a notification. */
// biome-ignore lint/suspicious/noExplicitAny: answers are compared, not used
export type Json = any;

export interface Notification {
  method: string;
  params: Json;
}

/** A harness without anything of ours: JSON over a WebSocket. */
export class TestClient {
  readonly socket: WebSocket;
  readonly notifications: Notification[] = [];
  readonly #answers = new Map<number | string, (message: Json) => void>();
  readonly #watchers = new Set<() => void>();
  #nextId = 1;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data) => this.#receive(JSON.parse(String(data))));
    socket.on('error', () => undefined);
    socket.on('close', () => this.#look());
  }

  static async connect(
    url: string,
    headers: Record<string, string> = { authorization: `Bearer ${TOKEN}` },
  ): Promise<TestClient> {
    const socket = new WebSocket(url, { headers, perMessageDeflate: false });
    const client = new TestClient(socket);
    await once(socket, 'open');
    return client;
  }

  /** With a session of its own, or the one to resume. */
  static async open(url: string, resumeSessionId?: string): Promise<TestClient & { sessionId: string }> {
    const client = await TestClient.connect(url);
    const { sessionId } = await client.call('initialize', { clientName: 'test', resumeSessionId });
    client.notify('initialized', {});
    return Object.assign(client, { sessionId });
  }

  /** The whole answer: result or error. */
  ask(method: string, params?: unknown): Promise<Json> {
    const id = this.#nextId++;
    const answer = new Promise<Json>((resolve) => this.#answers.set(id, resolve));
    this.socket.send(JSON.stringify({ id, method, params }));
    return answer;
  }

  async call(method: string, params?: unknown): Promise<Json> {
    const { result, error } = await this.ask(method, params);
    if (error) throw Object.assign(new Error(`${method}: ${error.message}`), error);
    return result;
  }

  notify(method: string, params?: unknown): void {
    this.socket.send(JSON.stringify({ method, params }));
  }

  /** Resolves when `isSo` holds; it is asked after each message. */
  until(isSo: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!isSo()) return;
        this.#watchers.delete(look);
        resolve();
      };
      this.#watchers.add(look);
      look();
    });
  }

  of(processId: string): Notification[] {
    return this.notifications.filter(({ params }) => params.processId === processId);
  }

  async closed(processId: string): Promise<Notification[]> {
    await this.until(() => this.of(processId).some(({ method }) => method === 'process/closed'));
    return this.of(processId);
  }

  /** What a process wrote, by stream, when it is closed. */
  async outputOf(processId: string): Promise<{ stdout: string; stderr: string; pty: string; exitCode: number }> {
    const notifications = await this.closed(processId);
    const text = (stream: string) =>
      Buffer.concat(
        notifications
          .filter(({ params }) => params.stream === stream)
          .map(({ params }) => Buffer.from(params.chunk, 'base64')),
      ).toString();
    const exited = notifications.find(({ method }) => method === 'process/exited');
    return { stdout: text('stdout'), stderr: text('stderr'), pty: text('pty'), exitCode: exited?.params.exitCode };
  }

  start(processId: string, command: string, members: Record<string, unknown> = {}): Promise<Json> {
    const env = { PATH: process.env.PATH };
    return this.call('process/start', {
      processId,
      argv: ['/bin/sh', '-c', command],
      cwd: 'file:///',
      env,
      tty: false,
      ...members,
    });
  }

  async disconnect(): Promise<void> {
    this.socket.terminate();
    if (this.socket.readyState !== this.socket.CLOSED) await once(this.socket, 'close');
  }

  get isClosed(): boolean {
    return this.socket.readyState === this.socket.CLOSED;
  }

  #receive(message: Json): void {
    if ('id' in message) {
      this.#answers.get(message.id)?.(message);
      this.#answers.delete(message.id);
      if (message.id === -1) this.notifications.push({ method: 'error', params: message.error });
    } else {
      this.notifications.push(message);
    }
    this.#look();
  }

  #look(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }
}

/** A server and a directory of its own, and what a test must undo. */
export class Fixture {
  readonly server: ExecServer;
  readonly directory: string;
  readonly #clients: TestClient[] = [];

  private constructor(server: ExecServer, directory: string) {
    this.server = server;
    this.directory = directory;
  }

  static async start(options: Partial<ExecServerOptions> = {}): Promise<Fixture> {
    const directory = realpathSync(mkdtempSync(join(tmpdir(), 'exec-server-')));
    const server = await startExecServer({
      host: '127.0.0.1',
      port: 0,
      tokenSha256: createHash('sha256').update(TOKEN).digest('hex'),
      sandbox: 'container',
      spillDirectory: join(directory, 'spill'),
      version: '0.0.0-test',
      logger: createLogger({ component: 'test', level: 'silent' }),
      ...options,
    });
    return new Fixture(server, directory);
  }

  async open(resumeSessionId?: string): Promise<TestClient & { sessionId: string }> {
    const client = await TestClient.open(this.server.url, resumeSessionId);
    this.#clients.push(client);
    return client;
  }

  async connect(): Promise<TestClient> {
    const client = await TestClient.connect(this.server.url);
    this.#clients.push(client);
    return client;
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.socket.terminate();
    await this.server.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
