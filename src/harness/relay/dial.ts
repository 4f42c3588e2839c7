import type { IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import { type Clock, pause } from '../../telemetry/index.ts';
import { MAX_MESSAGE_BYTES, parseErrorBody, type Trust, trustOptions } from '../../wire/index.ts';
import { HarnessError } from '../error.ts';

/** A WebSocket connect, upgrade included (contract §8). */
const DIAL_TIMEOUT_MS = 10_000;

/**
 * Pauses before further dials when nobody took the connection, in milliseconds. Whoever balances the load goes on for some seconds to send
 * clients where a relay was killed (a readiness probe must fail twice), and each dial is balanced anew: the next one is likely to find a
 * relay that lives, and the ticket was shown to nobody yet. Together less than the first pause between attempts.
 */
const REDIAL_PAUSES_MS = [10, 40, 90, 160];

/** What the system says of an address where nobody listens, at once or in the middle of a handshake. */
const NOBODY_THERE: readonly unknown[] = ['ECONNREFUSED', 'ECONNRESET'];

/** The body of a refused upgrade is read this far, for its code and message. */
const MAX_REFUSAL_BYTES = 4096;

export interface RelayDial {
  /** With its ticket: never logged. */
  url: string;
  trust?: Trust;
  headers?: Record<string, string>;
  clock: Clock;
  signal?: AbortSignal;
}

/**
 * Opens a WebSocket to a relay. It is returned **paused**, so that nothing arrives before its owner listens: call `resume()`.
 *
 * @throws HarnessError `relay_unreachable`, `relay_timeout`, the code of the relay's refusal with its status (retryable all), `aborted`
 */
export async function dialRelay(dial: RelayDial): Promise<WebSocket> {
  for (const milliseconds of REDIAL_PAUSES_MS) {
    try {
      return await dialOnce(dial);
    } catch (error) {
      if (!isNobodyThere(error)) throw error;
    }
    await pause(milliseconds, dial.clock, dial.signal).catch((cause: unknown) => {
      throw givenUp(cause);
    });
  }
  return dialOnce(dial);
}

function isNobodyThere(error: unknown): boolean {
  const cause = error instanceof HarnessError ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause && NOBODY_THERE.includes(cause.code);
}

function givenUp(cause: unknown): HarnessError {
  return new HarnessError('aborted', 'relay', 'the dial was given up', { cause });
}

function dialOnce({ url, trust, headers, clock, signal }: RelayDial): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const socket = openSocket(url, { ...(trust && { trust }), ...(headers && { headers }) });
    const settle = (outcome: () => void) => {
      timer.cancel();
      signal?.removeEventListener('abort', aborted);
      outcome();
    };
    const fail = (error: HarnessError) =>
      settle(() => {
        reject(error);
        socket.terminate();
      });
    const aborted = () => fail(givenUp(signal?.reason));
    const timer = clock.after(DIAL_TIMEOUT_MS, () =>
      fail(new HarnessError('relay_timeout', 'relay', `no answer within ${DIAL_TIMEOUT_MS} ms`, { retryable: true })),
    );
    signal?.addEventListener('abort', aborted, { once: true });
    // Kept for the life of the socket: `close` follows each error and is what its owner acts on.
    socket.on('error', (cause) => fail(unreachable(cause)));
    socket.once('unexpected-response', (_request, answer) => readRefusal(answer).then(fail));
    socket.once('open', () =>
      settle(() => {
        socket.pause();
        resolve(socket);
      }),
    );
    if (signal?.aborted) aborted();
  });
}

function openSocket(url: string, { trust, headers }: Pick<RelayDial, 'trust' | 'headers'>) {
  try {
    return new WebSocket(url, {
      perMessageDeflate: false,
      maxPayload: MAX_MESSAGE_BYTES,
      followRedirects: false,
      ...trustOptions(trust),
      ...(headers && { headers }),
    });
  } catch (cause) {
    throw new HarnessError('registry_malformed', 'relay', 'the relay URL is not one that can be dialled', { cause });
  }
}

async function readRefusal(answer: IncomingMessage): Promise<HarnessError> {
  const status = answer.statusCode ?? 0;
  let text = '';
  try {
    for await (const chunk of answer.setEncoding('utf8')) {
      text += chunk;
      if (text.length > MAX_REFUSAL_BYTES) break;
    }
  } catch {
    // The status alone says enough.
  }
  const error = parseErrorBody(text);
  const message = error?.message ?? `the relay answered ${status}`;
  return new HarnessError(error?.code ?? 'relay_refused', 'relay', message, { retryable: true, status });
}

function unreachable(cause: Error): HarnessError {
  const reason = 'code' in cause ? String(cause.code) : 'the connection broke';
  return new HarnessError('relay_unreachable', 'relay', `no connection to the relay: ${reason}`, {
    retryable: true,
    cause,
  });
}
