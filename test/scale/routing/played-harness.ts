import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { decodeFrame, encodeFrame, type FrameBody, parseStreamId } from '../../../src/wire/index.ts';
import { type Caller, connect } from './calls.ts';
import { type Claim, claimOf, decodeClaim, differenceOf, encodeClaim } from './claim.ts';

/** Relays hold an upgrade for 3 s and look for another relay for 2 s; an answer that takes longer than all this never comes. Milliseconds. */
const ANSWER_LIMIT_MS = 20_000;
/** After the handshake, there and back. */
const DATA_FRAMES = 3;
/** From outside a ticket that is not good any more has one status. */
const UNAUTHORIZED = 401;

export interface HarnessPlan extends Caller {
  /** Between the registry's answer and the dial. Milliseconds. */
  readonly dawdleMs: number;
  /** Told of everything that came here and was for somebody else, and of whatever else was not right. */
  readonly onWrong: (what: string) => void;
}

/** What came of one bundle. `lost`: somebody who took part was killed meanwhile. */
export type Outcome =
  | { readonly kind: 'served'; readonly claim: Claim }
  | { readonly kind: 'unauthorized'; readonly claim: Claim; readonly code: string }
  | { readonly kind: 'refused'; readonly status: number; readonly code: string }
  | { readonly kind: 'lost'; readonly at: 'connect' | 'dial' | 'stream' };

/** Asks `connect`, dials, and has a few frames carried there and back. Each must come to and from whom the ticket names. */
export async function useOneBundle(plan: HarnessPlan): Promise<Outcome> {
  const answer = await connect(plan);
  if (answer.kind === 'lost') return { kind: 'lost', at: 'connect' };
  if (answer.kind === 'refused') return answer;
  const { url, executor_registration_id } = answer.body;
  const claim = claimOf(url);
  const { environmentId, onWrong } = plan;
  const difference = differenceOf(claim, { environmentId, registrationId: executor_registration_id });
  if (difference !== undefined) onWrong(`connect gave a ticket for ${difference}`);
  await delay(plan.dawdleMs);
  return dial(url, claim, onWrong);
}

/** With a ticket that somebody has. */
export async function dial(url: string, claim: Claim, onWrong: HarnessPlan['onWrong']): Promise<Outcome> {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  const late = setTimeout(() => {
    onWrong(`no answer for ${JSON.stringify(claim)}`);
    socket.terminate();
  }, ANSWER_LIMIT_MS);
  socket.once('upgrade', ({ headers }) => {
    const difference = differenceOf(claim, { bootId: String(headers['x-noisefleet-boot-id']) });
    if (difference !== undefined) onWrong(`a socket was opened at ${difference}`);
  });
  socket.once('unexpected-response', (_request, response) => {
    let text = '';
    response.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
    });
    response.once('close', () => {
      const [, code = ''] = /"code":"(\w+)"/.exec(text) ?? [];
      if (response.statusCode === UNAUTHORIZED) resolve({ kind: 'unauthorized', claim, code });
      else resolve({ kind: 'refused', status: response.statusCode ?? 0, code });
      socket.terminate();
    });
  });
  socket.on('error', () => resolve({ kind: 'lost', at: 'dial' }));
  socket.once('close', () => resolve({ kind: 'lost', at: 'stream' }));
  socket.once('open', () => exchange(socket, claim, onWrong, () => resolve({ kind: 'served', claim })));
  const outcome = await promise;
  clearTimeout(late);
  return outcome;
}

function exchange(socket: WebSocket, claim: Claim, onWrong: (what: string) => void, onDone: () => void): void {
  const streamId = parseStreamId(randomUUID());
  const payload = encodeClaim(claim);
  const say = (body: FrameBody) => socket.send(encodeFrame({ streamId, body }));
  let answers = 0;
  socket.on('message', (data: Buffer) => {
    const { streamId: of, body } = decodeFrame(data);
    if (of !== streamId) return onWrong('a frame of another stream came to a harness');
    if (body.type !== 'handshake' && body.type !== 'data') return;
    const difference = differenceOf(claim, decodeClaim(body.payload));
    if (difference !== undefined) onWrong(`an answer came of ${difference}`);
    if (answers < DATA_FRAMES) {
      say({ type: 'data', seq: answers, payload });
      answers += 1;
      return;
    }
    onDone();
    socket.close();
  });
  say({ type: 'resume', nextSeq: 0 });
  say({ type: 'handshake', payload });
}
