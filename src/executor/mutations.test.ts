import { randomInt } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { encodeFrame } from '../wire/index.ts';
import { startedProcessId } from './sandbox/started-process.ts';
import { withoutSandbox } from './sandbox/without-sandbox.ts';
import { SessionGate } from './sessions/session-gate.ts';
import { Fixture } from './testing/fixture.ts';
import { TestHarness } from './testing/test-harness.ts';

/** Of each parser that reads what a stranger sends. */
const MUTATIONS = 10_000;

/** One to four bytes changed, a piece cut out, or noise put in. */
function mutated(bytes: Uint8Array): Buffer {
  const copy = Buffer.from(bytes);
  const at = randomInt(copy.length);
  switch (randomInt(3)) {
    case 0:
      for (let n = randomInt(1, 5); n > 0; n -= 1) copy[randomInt(copy.length)] = randomInt(256);
      return copy;
    case 1:
      return Buffer.concat([copy.subarray(0, at), copy.subarray(Math.min(copy.length, at + randomInt(1, 20)))]);
    default:
      return Buffer.concat([copy.subarray(0, at), Buffer.alloc(randomInt(1, 20), randomInt(256)), copy.subarray(at)]);
  }
}

let fixture: Fixture | undefined;
afterEach(async () => {
  await fixture?.close();
  fixture = undefined;
});

describe('mutated messages', () => {
  const start = Buffer.from(
    '{"id":1,"method":"process/start","params":{"processId":"p","sandbox":{"permissions":{"a":["\\"",1]}},"env":{}}}',
  );

  it('never make the sandbox parser or the process tracker throw', () => {
    for (let n = 0; n < MUTATIONS; n += 1) {
      const message = mutated(start);
      withoutSandbox(message);
      startedProcessId(message);
    }
  });

  it('make the session gate pass, ask or refuse with a code, and never attach', () => {
    const initialize = Buffer.from(
      '{"id":1,"method":"initialize","params":{"clientName":"x","resumeSessionId":"s-1"}}',
    );
    for (let n = 0; n < MUTATIONS; n += 1) {
      const gate = new SessionGate();
      try {
        gate.fromHarness(mutated(initialize));
      } catch (error) {
        expect(error).toMatchObject({ code: expect.any(String), step: expect.any(String) });
      }
      expect(gate.attached).toBe(false);
    }
  });
});

describe('mutated frames', () => {
  it('disturb no healthy stream on the same socket', async () => {
    fixture = await Fixture.start();
    const healthy = await fixture.harness();
    await healthy.initialize();
    const victim = await fixture.harness();
    await victim.initialize();
    const socket = await fixture.socket();
    const { environmentId } = fixture.registry;
    const stranger = new TestHarness({ socket, environmentId, executorKey: fixture.key('k1').publicKey });
    const { streamId } = victim;
    const samples = [
      encodeFrame({ streamId, body: { type: 'data', seq: 1, payload: Buffer.alloc(200, 7) } }),
      encodeFrame({ streamId, body: { type: 'resume', nextSeq: 0 } }),
      encodeFrame({ streamId: stranger.streamId, body: { type: 'reset', reason: 'gone' } }),
      stranger.handshake,
    ];
    for (let n = 0; n < MUTATIONS; n += 1) {
      socket.send(mutated(samples[randomInt(samples.length)] ?? Buffer.alloc(1)));
      if (n % 500 === 0) expect(await healthy.request('echo', { n })).toMatchObject({ result: { echo: { n } } });
    }
    expect(await healthy.request('echo', { n: 'last' })).toMatchObject({ result: { echo: { n: 'last' } } });
    expect(fixture.relay.accepted.length).toBe(1);
  });
});
