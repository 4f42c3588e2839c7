import type { Clock, Logger } from '../../telemetry/index.ts';
import {
  type DataBody,
  encodeFrame,
  type Fingerprint,
  type KeyHash,
  type KeyId,
  MAX_QUEUED_MESSAGES,
  RESET_PROTOCOL_ERROR,
  type RegistrationId,
  type SecureChannel,
  type StreamId,
} from '../../wire/index.ts';
import { codeOf, ExecutorError } from '../errors.ts';
import { startedProcessId } from '../sandbox/started-process.ts';
import { withoutSandbox } from '../sandbox/without-sandbox.ts';
import { SessionGate } from '../sessions/session-gate.ts';
import type { Holder, Sessions } from '../sessions/sessions.ts';
import type { ExecutorMetrics } from '../telemetry.ts';
import type { Admission } from './admission.ts';
import { Loopback, type LoopbackTarget } from './loopback.ts';
import { Outbound } from './outbound.ts';

/** -32010 from our own exec-server only means that it has not noticed the close of the stream before. It gets two seconds. */
const RESUME_TRIES = 20;
const RESUME_PAUSE_MS = 100;

/**
 * Real ids have 36 characters. What was started is remembered, here and in the session file, to be terminated when access ends: a longer one
 * would fill both, or be forgotten and run on.
 */
const MAX_PROCESS_ID_LENGTH = 256;

/** Who is at the other end, as the handshake proved and the registry confirmed. */
export interface StreamPeer {
  readonly harness: KeyHash;
  readonly keyId: KeyId;
  readonly fingerprint: Fingerprint;
  readonly registrationId: RegistrationId;
  readonly identity: string;
  readonly identityHash: string;
  readonly grant: string;
  /** `jti` of the connection. */
  readonly audit: string;
  /** Milliseconds since the epoch. */
  readonly validatedTime: number;
}

/** What all streams of a sidecar share. */
export interface StreamContext {
  readonly target: LoopbackTarget;
  readonly sessions: Sessions;
  readonly admission: Admission;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: ExecutorMetrics;
  /** Requests for a sandbox are answered by the pod itself: they are taken out. */
  readonly stripSandbox: boolean;
  /** The exec-server cannot end a session: what was started is remembered. */
  readonly rememberProcesses: boolean;
  /** Called for each request of a harness. */
  readonly onActivity: () => void;
}

/** The socket that the stream came on. */
export interface StreamLink {
  send(frame: Uint8Array): void;
  /** The key was taken away: its sessions cannot be resumed later. */
  readonly retired: boolean;
  ended(stream: Stream): void;
}

export interface StreamOptions {
  streamId: StreamId;
  peer: StreamPeer;
  channel: SecureChannel;
  context: StreamContext;
  link: StreamLink;
}

/** One harness's channel, joined to one connection of the exec-server. */
export class Stream implements Holder {
  readonly id: StreamId;
  readonly peer: StreamPeer;
  readonly #context: StreamContext;
  readonly #link: StreamLink;
  readonly #channel: SecureChannel;
  readonly #outbound: Outbound;
  readonly #gate = new SessionGate();
  readonly #inbox: Uint8Array[] = [];
  readonly #ending = new AbortController();
  readonly #log: Logger;
  #loopback: Loopback | undefined;
  #closed = Promise.resolve();
  /** Claimed or attached. */
  #sessionId: string | undefined;
  #resume: { message: Uint8Array; tries: number } | undefined;
  /** A resume waits for the stream before it to be gone; what follows waits with it. */
  #claiming = false;
  /** Processes of requests that came right behind `initialize`, before its answer. */
  #startedEarly: string[] = [];
  #receivedBytes = 0;
  /** Of records that have come, what is not yet a whole message. */
  #partialBytes = 0;

  constructor({ streamId, peer, channel, context, link }: StreamOptions) {
    this.id = streamId;
    this.peer = peer;
    this.#context = context;
    this.#link = link;
    this.#channel = channel;
    this.#outbound = new Outbound(channel, (frame) => link.send(frame));
    const { audit, identity, grant, keyId, harness } = peer;
    this.#log = context.logger.child({ audit, identity, grant, key: keyId, harness });
  }

  /** Message 2 is on its way: dials the exec-server. */
  start(message2Bytes: number): void {
    this.#outbound.countSent(message2Bytes);
    this.#context.admission.streamOpened(this);
    this.#log.info('stream validated');
    Loopback.dial(this.#context.target, this.#ending.signal).then(
      (loopback) => this.#joined(loopback),
      (error: unknown) => this.#fail('exec_server_unreachable', error),
    );
  }

  /** Bytes that wait here: for the exec-server in whole or partial messages, and for the harness in messages that were read already. */
  get backlogBytes(): number {
    const waiting = this.#inbox.reduce((sum, message) => sum + message.length, 0);
    return waiting + this.#partialBytes + (this.#loopback?.bufferedBytes ?? 0) + this.#outbound.waitingBytes;
  }

  receive(body: DataBody): void {
    this.#guarded(() => {
      this.#receivedBytes += body.payload.length;
      this.#partialBytes += body.payload.length;
      for (const message of this.#channel.receive(body)) {
        this.#partialBytes = Math.max(0, this.#partialBytes - message.length);
        this.#inbox.push(message);
      }
      if (this.#inbox.length > 0) this.#pumpInbox();
      const isStuck = this.#loopback === undefined || this.#claiming;
      if (isStuck && this.#inbox.length > MAX_QUEUED_MESSAGES) void this.end('too_many_messages');
      else this.#context.admission.checkBacklog(this);
    });
  }

  /** The relay's report: bytes of this stream that it handed to the harness. */
  delivered(total: number): void {
    this.#guarded(() => this.#outbound.delivered(total));
    this.#steerReading();
  }

  /**
   * Ends the stream, once; a reset goes to the harness unless it or its relay is the reason. Resolves when the exec-server's connection is
   * closed.
   */
  end(reason: string, tell = true): Promise<void> {
    if (!this.#ended) {
      this.#ending.abort();
      this.#closed = this.#end(reason, tell);
    }
    return this.#closed;
  }

  async #end(reason: string, tell: boolean): Promise<void> {
    if (tell)
      this.#link.send(encodeFrame({ streamId: this.id, body: { type: 'reset', reason: RESET_PROTOCOL_ERROR } }));
    const { metrics, admission, sessions } = this.#context;
    if (tell) metrics.resets.add(1, { reason });
    metrics.streamBytes.add(this.#receivedBytes, { direction: 'received' });
    metrics.streamBytes.add(this.#outbound.sentBytes, { direction: 'sent' });
    admission.streamEnded(this);
    this.#log.info(
      { reason, receivedBytes: this.#receivedBytes, sentBytes: this.#outbound.sentBytes },
      'stream closed',
    );
    this.#inbox.length = 0;
    this.#channel.close();
    this.#link.ended(this);
    if (this.#sessionId !== undefined) sessions.release(this.#sessionId, this, !this.#link.retired);
    await this.#loopback?.close();
  }

  get #ended(): boolean {
    return this.#ending.signal.aborted;
  }

  #joined(loopback: Loopback): void {
    if (this.#ended) {
      void loopback.close();
      return;
    }
    this.#loopback = loopback;
    loopback.open({
      message: (bytes) => this.#fromExecServer(bytes),
      lost: () => void this.end('exec_server_lost'),
    });
    this.#guarded(() => this.#pumpInbox());
  }

  #pumpInbox(): void {
    while (!this.#claiming && !this.#ended && this.#loopback !== undefined) {
      const message = this.#inbox.shift();
      if (message === undefined) return;
      this.#context.onActivity();
      const asks = this.#gate.fromHarness(message);
      if (asks.kind === 'pass') this.#forward(message);
      else if (this.#mayResume(asks.sessionId)) this.#claim(asks.sessionId, message);
      else {
        this.#log.warn({ reason: 'not_its_session' }, 'resume refused');
        this.#outbound.push(this.#gate.refuse(asks.id, asks.sessionId));
      }
    }
  }

  #mayResume(sessionId: string): boolean {
    const { harness, fingerprint } = this.peer;
    return this.#context.sessions.resumable(sessionId, harness, fingerprint) !== undefined;
  }

  #claim(sessionId: string, message: Uint8Array): void {
    this.#claiming = true;
    this.#leaveSession(sessionId);
    this.#resume = { message, tries: 0 };
    this.#context.sessions.claim(sessionId, this).then(
      () => this.#afterClaim(message),
      (error: unknown) => this.#fail('claim_failed', error),
    );
  }

  #afterClaim(message: Uint8Array): void {
    this.#claiming = false;
    if (this.#ended) return;
    this.#guarded(() => {
      this.#forward(message);
      this.#pumpInbox();
    });
  }

  #forward(message: Uint8Array): void {
    const { stripSandbox, rememberProcesses, sessions } = this.#context;
    const processId = rememberProcesses ? startedProcessId(message) : undefined;
    if (processId !== undefined) {
      if (processId.length > MAX_PROCESS_ID_LENGTH)
        throw new ExecutorError('message_too_large', 'process/start', 'the process id is too long to be remembered');
      if (this.#gate.attached && this.#sessionId !== undefined) sessions.started(this.#sessionId, processId);
      else this.#startedEarly.push(processId);
    }
    this.#loopback?.send(stripSandbox ? withoutSandbox(message) : message);
  }

  #fromExecServer(message: Uint8Array): void {
    if (this.#ended) return;
    this.#guarded(() => {
      const says = this.#gate.fromExecServer(message);
      if (says.kind === 'busy' && this.#resumeAgain()) return;
      if (says.kind === 'attached') this.#attach(says);
      if (says.kind === 'lost') this.#lose(says.sessionId);
      this.#outbound.push(message);
      this.#context.admission.checkBacklog(this);
    });
    this.#steerReading();
  }

  /** Nothing of it reaches the harness before the session is on disk and told to the relays. */
  #attach({ sessionId, resumed }: { sessionId: string; resumed: boolean }): void {
    this.#leaveSession(sessionId);
    this.#outbound.hold();
    this.#resume = undefined;
    const { sessions } = this.#context;
    const known = sessions.resumable(sessionId, this.peer.harness, this.peer.fingerprint)?.processIds ?? [];
    const processIds = [...known, ...this.#startedEarly.splice(0)];
    this.#log.info(resumed ? 'session resumed' : 'session opened');
    sessions.attach({ sessionId, ...this.peer, processIds }, this).then(
      () => this.#guarded(() => this.#outbound.release()),
      (error: unknown) => this.#fail('session_not_kept', error),
    );
  }

  #lose(sessionId: string): void {
    this.#context.sessions.forget(sessionId);
    this.#log.info({ reason: 'unknown_to_exec_server' }, 'session closed');
  }

  #leaveSession(next: string): void {
    const before = this.#sessionId;
    this.#sessionId = next;
    if (before !== undefined && before !== next) this.#context.sessions.release(before, this, true);
  }

  /** True when the resume is repeated instead of telling the harness. */
  #resumeAgain(): boolean {
    const resume = this.#resume;
    if (resume === undefined || resume.tries >= RESUME_TRIES) return false;
    resume.tries += 1;
    this.#claiming = true;
    this.#gate.fromHarness(resume.message);
    this.#context.clock.after(RESUME_PAUSE_MS, () => this.#afterClaim(resume.message));
    return true;
  }

  #steerReading(): void {
    if (this.#ended) return;
    if (this.#outbound.blocked) this.#loopback?.pause();
    else this.#loopback?.resume();
  }

  /** What the peer's bytes can make fail ends this stream and nothing else. */
  #guarded(act: () => void): void {
    if (this.#ended) return;
    try {
      act();
    } catch (error) {
      this.#fail(codeOf(error), error);
    }
    this.#steerReading();
  }

  #fail(reason: string, error: unknown): void {
    if (this.#ended) return;
    this.#log.warn({ reason, code: codeOf(error) }, 'stream failed');
    void this.end(reason);
  }
}
