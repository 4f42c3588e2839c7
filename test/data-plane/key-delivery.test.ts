import { afterEach, describe, expect, it } from 'vitest';
import { generateKeypair } from '../../src/noise/index.ts';
import { decodePublicKey, fingerprintOf, parseErrorBody } from '../../src/wire/index.ts';
import { eventually, Plane } from './plane.ts';
import { RawHarness } from './raw-harness.ts';

/** New harnesses, one after the other: what becomes of each is looked at. */
const HARNESSES = 5;
const OFFLINE = '409 environment_offline';
/** Given a key that went before the handshake was over. */
const CUT = 'cut';
/** Of those who ask in turn: one who asked before the key went, and one while word of it was under way. */
const MOST_CUT = 2;

let plane: Plane;
afterEach(() => plane.close());

/** Which key a new harness is given and served by, or how it was refused. */
async function served(): Promise<string> {
  const keypair = generateKeypair();
  const answer = await RawHarness.ask({ ...plane.rawOptions(), keypair });
  const text = await answer.text();
  if (!answer.ok) return `${answer.status} ${parseErrorBody(text)?.code}`;
  try {
    const harness = await RawHarness.dial(keypair, text);
    await harness.shakeHands();
    harness.vanish();
    const fingerprint = fingerprintOf(decodePublicKey(harness.bundle.executor_public_key));
    return plane.keyIds().find((id) => fingerprintOf(plane.key(id).publicKey) === fingerprint) ?? 'unknown key';
  } catch {
    return CUT;
  }
}

async function servedInTurn(): Promise<string[]> {
  const all: string[] = [];
  while (all.length < HARNESSES) all.push(await served());
  return all;
}
const always = (answer: string) => Array.from({ length: HARNESSES }, () => answer);

/** Until new harnesses are answered so. What those are answered who ask on the way is looked at as well. */
async function untilServed(wanted: string, onTheWay: readonly string[]): Promise<void> {
  let cut = 0;
  for (let answer = await served(); answer !== wanted; answer = await served()) {
    if (answer === CUT) cut += 1;
    expect(onTheWay).toContain(answer);
    expect(cut).toBeLessThanOrEqual(MOST_CUT);
  }
}

async function restartRegistry(): Promise<void> {
  await plane.registry?.close();
  await plane.startRegistry();
}

/** The process of the pod ends, and with it its sockets. */
async function endPod(): Promise<void> {
  await plane.executor?.close();
}

describe('a Secret that the pod sees late', () => {
  it('has a recorded key handed out only once its socket is there, also by a registry that has just started', async () => {
    plane = await Plane.start();
    expect(await served()).toBe('k1');
    plane.prepareKey('k2');
    expect(await servedInTurn()).toEqual(always('k1'));
    await restartRegistry();
    await untilServed('k1', [OFFLINE]);
    expect(await servedInTurn()).toEqual(always('k1'));

    plane.mountKey('k2');
    await untilServed('k2', ['k1']);
    plane.setKeyState('k2', 'Active');
    plane.setKeyState('k1', 'Retiring');
    expect(await servedInTurn()).toEqual(always('k2'));
  });

  it('does not keep a key handed out that went from it while its streams go on, and has it back with the key', async () => {
    plane = await Plane.start();
    plane.addKey('k2');
    await untilServed('k2', ['k1']);
    const attached = await plane.raw();
    await attached.initialize();

    plane.unmountKey('k2');
    await eventually(() => plane.log.has('executor', 'registration retired'));
    await untilServed('k1', ['k2', CUT]);
    expect(await servedInTurn()).toEqual(always('k1'));
    await restartRegistry();
    await untilServed('k1', [OFFLINE]);
    expect(await servedInTurn()).toEqual(always('k1'));

    plane.mountKey('k2');
    await untilServed('k2', ['k1']);
    expect(await servedInTurn()).toEqual(always('k2'));
    // Of all this whoever was there has noticed nothing.
    expect(await attached.request('environment/info')).toContain('"result"');
  });
});

describe('a pod that started from the older Secret', () => {
  it('is handed out with the key that it has, is nowhere once that is retired, and with the newer one when it has it', async () => {
    plane = await Plane.start();
    plane.addKey('k2');
    await untilServed('k2', ['k1']);
    plane.setKeyState('k2', 'Active');
    plane.setKeyState('k1', 'Retiring');

    await endPod();
    plane.unmountKey('k2');
    plane.newPod();
    await plane.startExecutor();
    await untilServed('k1', [OFFLINE, CUT]);
    expect(await servedInTurn()).toEqual(always('k1'));

    plane.setKeyState('k1', 'Destroyed');
    await untilServed(OFFLINE, ['k1', CUT]);
    plane.mountKey('k2');
    await untilServed('k2', [OFFLINE]);
    expect(await servedInTurn()).toEqual(always('k2'));
  });
});

describe('no pod', () => {
  it('is nobody to be sent to, whatever keys are recorded, and though the sidecar of the last one has its sockets still', async () => {
    plane = await Plane.start();
    expect(await served()).toBe('k1');

    plane.noPod();
    await untilServed(OFFLINE, ['k1', CUT]);
    plane.prepareKey('k2');
    plane.newPod();
    await restartRegistry();
    expect(await served()).toBe(OFFLINE);

    await plane.startExecutor();
    await untilServed('k1', [OFFLINE]);
  });
});

describe('a suspended executor', () => {
  it('whose key was rotated meanwhile is back with the newer one, and was refused until then', async () => {
    plane = await Plane.start();
    expect(await served()).toBe('k1');
    plane.noPod();
    await endPod();

    plane.addKey('k2');
    expect(await served()).toBe(OFFLINE);

    plane.newPod();
    await plane.startExecutor();
    await untilServed('k2', [OFFLINE, 'k1']);
    expect(await servedInTurn()).toEqual(always('k2'));
  });
});
