import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { encodeFrame, type FrameBody, parseStreamId } from '../wire/index.ts';
import { executorTicket, Fleet } from './testing/fleet.ts';
import type { Peer } from './testing/peer.ts';

let fleet: Fleet;
beforeEach(async () => {
  fleet = await Fleet.start();
});
afterEach(() => fleet.stop());

const MUTATIONS = 10_000;
/** Sent in one go before the healthy stream is looked at again: fewer than what closes a hostile socket, so that each is read. */
const AT_ONCE = 10;

const bodies: readonly FrameBody[] = [
  { type: 'resume', nextSeq: 0 },
  { type: 'handshake', payload: Buffer.alloc(64, 1) },
  { type: 'data', seq: 3, payload: Buffer.alloc(40, 2) },
  { type: 'reset', reason: 'enough' },
  { type: 'heartbeat' },
  { type: 'ack' },
];
interface Edit {
  readonly at: number;
  readonly byte: number;
  readonly how: 'set' | 'insert' | 'cut' | 'repeat';
}

const edit: fc.Arbitrary<Edit> = fc.record({
  at: fc.nat(80),
  byte: fc.nat(255),
  how: fc.constantFrom('set', 'insert', 'cut', 'repeat'),
});
const mutation = fc.record({ body: fc.constantFrom(...bodies), edits: fc.array(edit, { minLength: 1, maxLength: 3 }) });

function mutated(frame: Uint8Array, edits: readonly Edit[]): Buffer {
  let bytes = Buffer.from(frame);
  for (const { at, byte, how } of edits) {
    const [head, tail] = [bytes.subarray(0, at), bytes.subarray(at)];
    if (how === 'set') bytes = Buffer.concat([head, Buffer.from([byte]), tail.subarray(1)]);
    else if (how === 'insert') bytes = Buffer.concat([head, Buffer.from([byte]), tail]);
    else if (how === 'cut') bytes = Buffer.from(head);
    else bytes = Buffer.concat([bytes, head]);
  }
  return bytes;
}

it(`disturbs no healthy stream while ${MUTATIONS} mutated frames come from hostile harnesses and executors`, async () => {
  const ticket = executorTicket();
  const executor = await fleet.real(ticket);
  const { harness, streamId } = await fleet.stream(ticket, executor);
  const id = parseStreamId(randomUUID());
  const samples = fc.sample(mutation, { numRuns: MUTATIONS, seed: 20_261_121 });
  const frames = samples.map(({ body, edits }) => mutated(encodeFrame({ streamId: id, body }), edits));
  let hostile: Peer | undefined;
  let hostileExecutor: Peer | undefined;

  for (let first = 0; first < frames.length; first += AT_ONCE) {
    for (const frame of frames.slice(first, first + AT_ONCE)) {
      if (hostile?.ws.readyState !== hostile?.ws.OPEN || hostile === undefined) {
        hostile = await fleet.harness(ticket, { identityHash: `hostile-${first}` });
      }
      if (hostileExecutor === undefined || hostileExecutor.ws.readyState !== hostileExecutor.ws.OPEN) {
        hostileExecutor = await fleet.real(executorTicket());
      }
      hostile.ws.send(frame);
      hostileExecutor.ws.send(frame);
    }
    const seq = first / AT_ONCE;
    // Gone from the other side's view too, before the next frames are given to it.
    await Promise.all([hostile?.settled(), hostileExecutor?.settled()]);
    harness.send(streamId, { type: 'data', seq, payload: Buffer.from(`up ${seq}`) });
    executor.send(streamId, { type: 'data', seq, payload: Buffer.from(`down ${seq}`) });
    const arrived = (peer: Peer) =>
      peer.frames.filter(({ streamId: of, body }) => of === streamId && body.type === 'data').length === seq + 1;
    await executor.until(arrived);
    await harness.until(arrived);
  }

  expect(harness.closedWith).toBeUndefined();
  expect(executor.closedWith).toBeUndefined();
});
