import { randomBytes, randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import type { Clock } from '../../telemetry/index.ts';
import {
  decodeFrame,
  type ExecutorTicket,
  encodeFrame,
  HARNESS_TICKET_SECONDS,
  HOP_HEADER,
  MAX_MESSAGE_BYTES,
  PROBE_GRANT,
  PROBE_IDENTITY,
  parseErrorBody,
  parseKeyHash,
  parseStreamId,
  probeText,
  RESET_PROTOCOL_ERROR,
  RESET_REGISTRY_UNAVAILABLE,
  type RefusalCode,
  type StreamId,
  type TicketSigner,
  type Trust,
  trustOptions,
} from '../../wire/index.ts';
import type { RelayAddress } from '../presence/table.ts';

/** From dial to answer. A round trip takes milliseconds; a relay that is busy for longer serves nobody well meanwhile. */
export const PROBE_MS = 3_000;
/** Of a refusal's body; a longer one is not a relay's. */
const MAX_BODY_BYTES = 16 * 1_024;
const NONCE_BYTES = 16;
/** A probe has no key: its handshake is none. */
const NO_HARNESS_KEY = parseKeyHash(`SHA256:${'A'.repeat(43)}`);

/** `unclear` says nothing about forwarding: the relay is there, and has a reason that it names. */
export type ProbeResult = 'answered' | 'unanswered' | 'unclear';

/**
 * Refusals of a fresh ticket that any harness of ours would meet too: such a relay is of no use to those whom this registry sends there. All
 * other codes are the relay's reasons of the moment: it is full, going away, or knows of a change that we do not know yet.
 */
const USELESS: ReadonlySet<string> = new Set<RefusalCode>(['ticket_invalid', 'ticket_expired', 'not_synced']);

const OTHER_ANSWERS = [RESET_PROTOCOL_ERROR, RESET_REGISTRY_UNAVAILABLE];

/** WebSocket close codes with which a relay ends a socket for a reason: the executor went, a deny came, a limit was met. */
const DELIBERATE_CLOSES: ReadonlySet<number> = new Set([1001, 1008, 1013]);

/** How relays prove themselves: by the host name of the URL under which everybody knows them. */
export interface RelayTls {
  readonly servername: string;
  readonly trust: Trust | undefined;
}

export interface ProbeOptions {
  readonly relay: RelayAddress;
  readonly executor: ExecutorTicket;
  readonly signer: TicketSigner;
  /** Undefined where relays speak plainly. */
  readonly tls: RelayTls | undefined;
  readonly clock: Clock;
}

/**
 * Goes the way of a harness: to the address where presence saw the relay, through its door, its stream table and its queue to our sidecar on
 * that registration, and back. Never rejects.
 */
export async function probe(options: ProbeOptions): Promise<ProbeResult> {
  const ticket = await sign(options).catch(() => undefined);
  // No key may sign now: that is about this registry.
  return ticket === undefined ? 'unclear' : ask(options, ticket);
}

function sign({ relay, executor, signer, clock }: ProbeOptions): Promise<string> {
  const { environmentId, registrationId } = executor;
  const { bootId, address } = relay;
  const now = clock.now() / 1_000;
  const bearer = { grant: PROBE_GRANT, identityHash: PROBE_IDENTITY, harnessKeyHash: NO_HARNESS_KEY };
  const bound = { environmentId, registrationId, bootId, address, jti: randomUUID() };
  return signer.signHarnessTicket({ ...bearer, ...bound, expiresAt: now + HARNESS_TICKET_SECONDS }, now);
}

function ask({ relay, tls, clock }: ProbeOptions, ticket: string): Promise<ProbeResult> {
  const scheme = tls === undefined ? 'ws' : 'wss';
  const socket = new WebSocket(`${scheme}://${relay.address}/v1/harness?role=harness&ticket=${ticket}`, {
    headers: { [HOP_HEADER]: '1' },
    perMessageDeflate: false,
    maxPayload: MAX_MESSAGE_BYTES,
    ...(tls && { servername: tls.servername, ...trustOptions(tls.trust) }),
  });
  const streamId = parseStreamId(randomUUID());
  const text = probeText(randomBytes(NONCE_BYTES).toString('base64url'));
  return new Promise((resolve) => {
    const settle = (result: ProbeResult) => {
      timer.cancel();
      resolve(result);
      socket.terminate();
    };
    const timer = clock.after(PROBE_MS, () => settle('unanswered'));
    socket.once('open', () =>
      socket.send(encodeFrame({ streamId, body: { type: 'handshake', payload: Buffer.from(text) } })),
    );
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      if (isBinary && isAnswer(data, streamId, text)) settle('answered');
    });
    socket.once('unexpected-response', (_request, response) => {
      void codeIn(response).then((code) => settle(code === undefined || USELESS.has(code) ? 'unanswered' : 'unclear'));
    });
    socket.once('close', (code) => settle(DELIBERATE_CLOSES.has(code) ? 'unclear' : 'unanswered'));
    // 'close' follows and is what counts.
    socket.on('error', () => {});
  });
}

/** A reset by the sidecar, not by the relay: with the text of the probe, or what a sidecar of an earlier release says to a bad handshake. */
function isAnswer(message: Buffer, streamId: StreamId, text: string): boolean {
  try {
    const frame = decodeFrame(message);
    const reason = frame.body.type === 'reset' ? frame.body.reason : undefined;
    return frame.streamId === streamId && reason !== undefined && [text, ...OTHER_ANSWERS].includes(reason);
  } catch {
    return false;
  }
}

/** The code of a relay's refusal; undefined when it is none. */
async function codeIn(response: IncomingMessage): Promise<string | undefined> {
  let text = '';
  try {
    for await (const chunk of response) {
      text += String(chunk);
      if (text.length > MAX_BODY_BYTES) break;
    }
  } catch {
    // A body that breaks off is no refusal.
  }
  return parseErrorBody(text)?.code;
}
