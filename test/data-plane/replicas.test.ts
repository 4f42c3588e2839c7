import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import type { Harness, RemoteProcess } from '../../src/harness/index.ts';
import type { RunningRelay } from '../../src/relay/index.ts';
import { eventually, Plane, run } from './plane.ts';

let plane: Plane;
afterEach(() => plane.close());

const DRAIN_MS = 20_000;

/** Lines 1 to `count`, a little at a time, so that it goes on while relays come and go. */
const trickle = (count: number) => ['/bin/sh', '-c', `for i in $(seq 1 ${count}); do echo $i; sleep 0.01; done`];
const counted = (count: number) => `${Array.from({ length: count }, (_, n) => n + 1).join('\n')}\n`;
const hash = (text: string) => createHash('sha256').update(text).digest('hex');

/** Sockets of the sidecar, at all relays. */
const executorSockets = () => plane.proxy?.open('environment') ?? 0;

async function outputOf(remote: RemoteProcess): Promise<string> {
  remote.stderr.resume();
  let text = '';
  for await (const chunk of remote.stdout) text += chunk;
  return text;
}

/** The relay that holds this harness's socket, or passes it on. */
async function relayOf(harness: Harness): Promise<RunningRelay> {
  // Once it has recovered: in between no relay has its stream.
  await run(harness, ['/bin/true']);
  return eventually(() => plane.relays.find((relay) => relay.levels().streams > 0));
}

describe('two relays', () => {
  it('both hold a socket of the sidecar, and a harness reaches it wherever it lands', async () => {
    plane = await Plane.start({ relays: 2 });
    await eventually(() => executorSockets() === 2);

    for (let n = 0; n < 4; n++) {
      const harness = await plane.harness();
      expect(await run(harness, ['/bin/echo', `${n}`])).toEqual({ stdout: `${n}\n`, exitCode: 0 });
      await harness.close();
    }
  });

  it('lose nothing of a stream when the one that carries it drains, and then the other', async () => {
    plane = await Plane.start({ relays: 2, drainMs: DRAIN_MS });
    await eventually(() => executorSockets() === 2);
    const harness = await plane.harness();
    const output = outputOf(await harness.exec({ argv: trickle(600) }));
    for (const _ of [1, 2]) {
      const carrying = await relayOf(harness);
      await plane.startRelay();
      await eventually(() => executorSockets() >= 2);
      await plane.endRelay(carrying);
    }
    expect(hash(await output)).toBe(hash(counted(600)));
    await harness.close();
  });
});

describe('one relay that is replaced', () => {
  it('is left by the sidecar before it closes, without a moment in which nobody can connect', async () => {
    plane = await Plane.start({ relays: 1, drainMs: DRAIN_MS });
    const old = plane.relays[0];
    await plane.startRelay();

    const ended = plane.endRelay(old);
    const harness = await plane.harness();

    expect(await run(harness, ['/bin/echo', 'here'])).toEqual({ stdout: 'here\n', exitCode: 0 });
    await ended;
    await harness.close();
  });
});
