import { randomUUID } from 'node:crypto';
import { type MessageTransport, parseExecParams, RPC_CODES, RpcError, RpcPeer } from '../../wire/index.ts';

type Stream = 'stdout' | 'stderr' | 'pty';
type Event =
  | { seq: number; type: 'output'; stream: Stream; bytes: Buffer }
  | { seq: number; type: 'exited'; exitCode: number }
  | { seq: number; type: 'closed' };

/** A command that does what the test says. */
export class ScriptedProcess {
  readonly id: string;
  readonly argv: readonly string[];
  readonly events: Event[] = [];
  readonly written: string[] = [];
  readonly writeIds = new Set<string>();
  readonly signals: string[] = [];
  stdinClosed = false;
  notify: ((method: string, params: unknown) => void) | undefined;

  constructor(id: string, argv: readonly string[]) {
    this.id = id;
    this.argv = argv;
  }

  say(text: string, stream: Stream = 'stdout'): void {
    this.#add({ seq: this.#next, type: 'output', stream, bytes: Buffer.from(text) });
  }

  end(exitCode: number): void {
    this.#add({ seq: this.#next, type: 'exited', exitCode });
    this.#add({ seq: this.#next, type: 'closed' });
  }

  get #next(): number {
    return this.events.length + 1;
  }

  #add(event: Event): void {
    this.events.push(event);
    const { id: processId } = this;
    const { seq } = event;
    if (event.type === 'output') {
      const { stream, bytes } = event;
      this.notify?.('process/output', { processId, seq, stream, chunk: bytes.toString('base64') });
    } else if (event.type === 'exited') {
      this.notify?.('process/exited', { processId, seq, exitCode: event.exitCode });
    } else this.notify?.('process/closed', { processId, seq });
  }

  read(afterSeq: number, maxBytes: number) {
    const chunks = [];
    let bytes = 0;
    for (const event of this.events) {
      if (event.type !== 'output' || event.seq <= afterSeq) continue;
      if (chunks.length > 0 && bytes + event.bytes.length > maxBytes) break;
      bytes += event.bytes.length;
      chunks.push({ seq: event.seq, stream: event.stream, chunk: event.bytes.toString('base64') });
    }
    const exit = this.events.find((event) => event.type === 'exited');
    return {
      chunks,
      nextSeq: this.#next,
      exited: exit !== undefined,
      exitCode: exit?.exitCode ?? null,
      closed: this.events.some(({ type }) => type === 'closed'),
      failure: null,
      sandboxDenied: false,
    };
  }
}

interface ScriptedSession {
  id: string;
  processes: Map<string, ScriptedProcess>;
}

/** The JSON-RPC half of an executor (contract §9), as small as the tests of this room allow. */
export class ScriptedExecServer {
  readonly sessions = new Map<string, ScriptedSession>();
  readonly files = new Map<string, Buffer>();
  /** Every request in the order of arrival. */
  readonly requests: { method: string; params: unknown }[] = [];
  readonly started: ScriptedProcess[] = [];
  /** Called for each new process; by default nothing happens to it. */
  onStart: (process: ScriptedProcess) => void = () => {};
  /** Answers first, for tests of errors; undefined lets the usual answer be made. */
  intercept: (method: string, params: unknown) => unknown = () => undefined;
  readonly #startWaiters: ((process: ScriptedProcess) => void)[] = [];

  /** The next process that is started. */
  nextStart(): Promise<ScriptedProcess> {
    return new Promise((resolve) => this.#startWaiters.push(resolve));
  }

  serve(transport: MessageTransport): RpcPeer {
    const connection: { session?: ScriptedSession; handles: Map<string, string> } = { handles: new Map() };
    const peer: RpcPeer = new RpcPeer(transport, {
      request: (method, params) => {
        this.requests.push({ method, params });
        const scripted = this.intercept(method, params);
        if (scripted !== undefined) return scripted;
        return this.#answer(method, params, connection, peer);
      },
      notification: () => {},
      closed: () => {
        for (const process of connection.session?.processes.values() ?? []) process.notify = undefined;
      },
    });
    return peer;
  }

  #answer(
    method: string,
    params: unknown,
    connection: { session?: ScriptedSession; handles: Map<string, string> },
    peer: RpcPeer,
  ): unknown {
    if (method === 'initialize') return this.#initialize(params, connection, peer);
    if (method.startsWith('environment/')) return { status: 'ready', shell: { name: 'sh', path: '/bin/sh' } };
    if (method.startsWith('process/')) return this.#process(method, params, connection.session, peer);
    return this.#file(method, params, connection.handles);
  }

  #initialize(params: unknown, connection: { session?: ScriptedSession }, peer: RpcPeer) {
    const { resumeSessionId } = parseExecParams('initialize', params);
    const known = resumeSessionId ? this.sessions.get(resumeSessionId) : undefined;
    if (resumeSessionId && !known)
      throw new RpcError(RPC_CODES.INVALID_REQUEST, `unknown session id ${resumeSessionId}`);
    const session = known ?? { id: randomUUID(), processes: new Map() };
    this.sessions.set(session.id, session);
    connection.session = session;
    const notify = (name: string, body: unknown) => peer.notify(name, body);
    for (const process of session.processes.values()) process.notify = notify;
    const environmentInfo = { shell: { name: 'sh', path: '/bin/sh' }, cwd: 'file:///work%20space' };
    return { sessionId: session.id, environmentInfo };
  }

  #process(method: string, params: unknown, session: ScriptedSession | undefined, peer: RpcPeer): unknown {
    if (!session) throw new RpcError(RPC_CODES.INVALID_REQUEST, 'client must call initialize first');
    if (method === 'process/start') return this.#start(params, session, peer);
    const { processId } = parseExecParams('process/terminate', params);
    const process = session.processes.get(processId);
    if (method === 'process/write') return this.#write(params, process);
    if (method === 'process/closeStdin') {
      if (process) process.stdinClosed = true;
      return { status: process ? 'accepted' : 'unknownProcess' };
    }
    if (method === 'process/terminate') return { running: process ? !process.read(0, 1).exited : false };
    if (method === 'process/signal') {
      process?.signals.push('interrupt');
      return {};
    }
    if (!process) throw new RpcError(RPC_CODES.INVALID_REQUEST, 'unknown process');
    const { afterSeq, maxBytes } = parseExecParams('process/read', params);
    return process.read(afterSeq ?? 0, maxBytes ?? Number.POSITIVE_INFINITY);
  }

  #start(params: unknown, session: ScriptedSession, peer: RpcPeer) {
    const { processId, argv } = parseExecParams('process/start', params);
    if (session.processes.has(processId)) throw new RpcError(RPC_CODES.INVALID_REQUEST, 'duplicate process id');
    const process = new ScriptedProcess(processId, argv);
    process.notify = (name, body) => peer.notify(name, body);
    session.processes.set(processId, process);
    this.started.push(process);
    setImmediate(() => {
      this.onStart(process);
      for (const waiter of this.#startWaiters.splice(0)) waiter(process);
    });
    return { processId, sandboxType: 'none' };
  }

  #write(params: unknown, process: ScriptedProcess | undefined) {
    const { chunk, writeId } = parseExecParams('process/write', params);
    if (!process) return { status: 'unknownProcess' };
    if (!process.writeIds.has(writeId)) process.written.push(Buffer.from(chunk, 'base64').toString());
    process.writeIds.add(writeId);
    return { status: 'accepted' };
  }

  #file(method: string, params: unknown, handles: Map<string, string>): unknown {
    if (method === 'fs/open') {
      const { handleId, path, mode } = parseExecParams('fs/open', params);
      if (mode === 'replace') this.files.set(path, Buffer.alloc(0));
      this.#contentOf(path);
      handles.set(handleId, path);
      return { handleId };
    }
    if (method === 'fs/readFile') {
      return { dataBase64: this.#contentOf(parseExecParams('fs/readFile', params).path).toString('base64') };
    }
    if (method === 'fs/writeFile') {
      const { path, dataBase64 } = parseExecParams('fs/writeFile', params);
      this.files.set(path, Buffer.from(dataBase64, 'base64'));
      return {};
    }
    return this.#block(method, params, handles);
  }

  #block(method: string, params: unknown, handles: Map<string, string>): unknown {
    const path = handles.get(parseExecParams('fs/close', params).handleId);
    if (method === 'fs/close') return {};
    if (path === undefined) throw new RpcError(RPC_CODES.NOT_FOUND, 'unknown handle');
    const content = this.#contentOf(path);
    if (method === 'fs/readBlock') {
      const { offset, len } = parseExecParams('fs/readBlock', params);
      const bytes = content.subarray(offset, offset + len);
      return { chunk: bytes.toString('base64'), eof: bytes.length < len };
    }
    if (method !== 'fs/writeBlock') throw new RpcError(RPC_CODES.METHOD_NOT_FOUND, `unknown method ${method}`);
    const { offset, chunk } = parseExecParams('fs/writeBlock', params);
    const bytes = Buffer.from(chunk, 'base64');
    const grown = Buffer.alloc(Math.max(content.length, offset + bytes.length));
    content.copy(grown);
    bytes.copy(grown, offset);
    this.files.set(path, grown);
    return {};
  }

  #contentOf(path: string): Buffer {
    const content = this.files.get(path);
    if (!content) throw new RpcError(RPC_CODES.NOT_FOUND, 'no such file');
    return content;
  }
}
