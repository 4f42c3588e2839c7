import { encodeJsonRpc, type JsonRpcId, type JsonRpcMessage, parseJsonRpc, RPC_CODES } from '../../wire/index.ts';
import { ExecutorError } from '../errors.ts';

/** What comes before the session is attached is `initialize`, some hundred bytes; more is somebody filling memory. */
const MAX_MESSAGE_BEFORE_ATTACHED = 1024 * 1024;
/** A harness sends one. Several at once are answered by the exec-server, a flood of them is not carried. */
const MAX_OPEN_INITIALIZES = 8;

/** What the harness's message asks for, as far as sessions go. */
export type HarnessAsks =
  | { kind: 'pass' }
  /** `initialize` that resumes: may it, and which stream has to go first? */
  | { kind: 'resume'; id: JsonRpcId; sessionId: string };

/** What the exec-server's message means for the session. */
export type ExecServerSays =
  | { kind: 'pass' }
  | { kind: 'attached'; sessionId: string; resumed: boolean }
  /** The exec-server lost the session that was asked for. */
  | { kind: 'lost'; sessionId: string }
  /** The exec-server has not noticed yet that the stream before is gone. */
  | { kind: 'busy'; sessionId: string };

/**
 * Reads a stream's JSON-RPC until its session is attached; after that nothing needs reading, because an exec-server takes `initialize`
 * once. Until then every message is read: a second `initialize` could be hidden behind a first. Throws `WireError` for what is not
 * JSON-RPC (contract §6: the stream is reset) and `ExecutorError` for floods.
 */
export class SessionGate {
  readonly #open = new Map<JsonRpcId, string | undefined>();
  #attached = false;

  get attached(): boolean {
    return this.#attached;
  }

  fromHarness(message: Uint8Array): HarnessAsks {
    if (this.#attached) return { kind: 'pass' };
    if (message.length > MAX_MESSAGE_BEFORE_ATTACHED)
      throw new ExecutorError('message_too_large', 'initialize', 'a large message before the session is attached');
    const parsed = parseJsonRpc(message);
    if (parsed.kind !== 'request' || parsed.method !== 'initialize') return { kind: 'pass' };
    if (this.#open.size >= MAX_OPEN_INITIALIZES)
      throw new ExecutorError('too_many_initializes', 'initialize', 'too many unanswered initialize requests');
    const sessionId = resumeSessionIdOf(parsed.params);
    this.#open.set(parsed.id, sessionId);
    return sessionId === undefined ? { kind: 'pass' } : { kind: 'resume', id: parsed.id, sessionId };
  }

  fromExecServer(message: Uint8Array): ExecServerSays {
    if (this.#attached || this.#open.size === 0) return { kind: 'pass' };
    const parsed = parseJsonRpc(message);
    if (parsed.kind !== 'response' && parsed.kind !== 'error') return { kind: 'pass' };
    if (!this.#open.has(parsed.id)) return { kind: 'pass' };
    const asked = this.#open.get(parsed.id);
    this.#open.delete(parsed.id);
    return this.#answered(parsed, asked);
  }

  /**
   * The answer to a resume that does not reach the exec-server; worded as the exec-server words it. -32600 makes a real harness give the
   * session up and open a new one (contract §8.2).
   */
  refuse(id: JsonRpcId, sessionId: string): Uint8Array {
    this.#open.delete(id);
    const error = { code: RPC_CODES.INVALID_REQUEST, message: `unknown session id ${sessionId}` };
    return encodeJsonRpc({ kind: 'error', id, error });
  }

  #answered(parsed: JsonRpcMessage, asked: string | undefined): ExecServerSays {
    if (parsed.kind === 'response') {
      const sessionId = stringMember(parsed.result, 'sessionId');
      if (sessionId === undefined) return { kind: 'pass' };
      this.#attached = true;
      this.#open.clear();
      return { kind: 'attached', sessionId, resumed: sessionId === asked };
    }
    if (parsed.kind !== 'error' || asked === undefined) return { kind: 'pass' };
    if (parsed.error.code === RPC_CODES.SESSION_ATTACHED) return { kind: 'busy', sessionId: asked };
    return parsed.error.code === RPC_CODES.INVALID_REQUEST ? { kind: 'lost', sessionId: asked } : { kind: 'pass' };
  }
}

function resumeSessionIdOf(params: unknown): string | undefined {
  return stringMember(params, 'resumeSessionId');
}

function stringMember(value: unknown, name: string): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const member = Object.entries(value).find(([key]) => key === name)?.[1];
  return typeof member === 'string' ? member : undefined;
}
