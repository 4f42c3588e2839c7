import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../telemetry/testing/manual-clock.ts';
import { HarnessError } from './error.ts';
import { Harness, type HarnessOptions } from './harness.ts';
import type { SessionEvent } from './session/session.ts';
import { forbidden, offline, ScriptedFleet } from './testing/scripted-fleet.ts';

let fleet: ScriptedFleet;
const open: Harness[] = [];

beforeEach(async () => {
  fleet = await ScriptedFleet.start();
});

afterEach(async () => {
  for (const harness of open.splice(0)) harness.close();
  await fleet.close();
});

async function connected(options: Partial<HarnessOptions> = {}): Promise<Harness> {
  const { environmentId, url: registryUrl } = fleet;
  const credential = async () => 'client-token-of-this-test';
  const harness = await Harness.connect({ environmentId, registryUrl, credential, random: () => 0, ...options });
  open.push(harness);
  return harness;
}

/** A watcher of what a harness tells, and a way to wait for it. */
function watched() {
  const events: SessionEvent[] = [];
  const waiters = new Set<() => void>();
  const onEvent = (event: SessionEvent) => {
    events.push(event);
    for (const waiter of [...waiters]) waiter();
  };
  const seen = (type: SessionEvent['type'], count = 1) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (events.filter((event) => event.type === type).length < count) return;
        waiters.delete(look);
        resolve();
      };
      waiters.add(look);
      look();
    });
  /** Lets the pauses pass as they come, and says how long they were. */
  const passPauses = async (clock: ManualClock, count: number) => {
    const pauses: number[] = [];
    while (pauses.length < count) {
      await seen('retrying', pauses.length + 1);
      const event = events.filter(({ type }) => type === 'retrying').at(-1);
      const pauseMs = event?.type === 'retrying' ? event.pauseMs : 0;
      pauses.push(pauseMs);
      clock.advance(pauseMs);
    }
    return pauses;
  };
  return { events, onEvent, seen, passPauses };
}

const failure = (code: string) => expect.objectContaining({ name: 'HarnessError', code });

describe('Harness.connect', () => {
  it('runs a command and gives its output and exit code', async () => {
    const harness = await connected();
    fleet.execServer.onStart = (process) => {
      process.say('out\n');
      process.say('err\n', 'stderr');
      process.end(7);
    };
    const process = await harness.exec({ argv: ['make', 'all'] });
    expect(await text(process.stdout)).toBe('out\n');
    expect(await text(process.stderr)).toBe('err\n');
    expect(await process.closed).toEqual({ exitCode: 7, sandboxDenied: false });
    expect(fleet.execServer.started[0]?.argv).toEqual(['make', 'all']);
    expect(harness.workspace).toBe('/work space');
  });

  it('asks for a fresh bundle for each attempt, and shows the relay no word of what is said', async () => {
    const clock = new ManualClock();
    fleet.registryAnswers.push(offline, offline);
    const { onEvent, passPauses } = watched();
    const connecting = connected({ clock, onEvent });
    expect(await passPauses(clock, 2)).toEqual([500, 1000]);
    const harness = await connecting;
    await harness.roundTrip();
    expect(fleet.calls.map(({ url }) => url)).toEqual(Array(3).fill('/cloud/environment/default_demo/connect'));
    for (const frame of fleet.frames) {
      for (const word of ['initialize', 'environment/status', 'noisefleet']) expect(frame.includes(word)).toBe(false);
    }
    expect(harness.diagnostics).toMatchObject({ fingerprint: fleet.fingerprint, relayHost: new URL(fleet.url).host });
  });

  it('gives up after five attempts', async () => {
    const clock = new ManualClock();
    fleet.registryAnswers.push(offline, offline, offline, offline, offline);
    const { onEvent, passPauses } = watched();
    const connecting = connected({ clock, onEvent }).catch((error: unknown) => error);
    expect(await passPauses(clock, 4)).toEqual([500, 1000, 2000, 4000]);
    expect(await connecting).toEqual(failure('environment_offline'));
    expect(fleet.calls.length).toBe(5);
  });

  it('asks a registry that says no exactly once', async () => {
    fleet.registryAnswers.push(forbidden);
    await expect(connected()).rejects.toEqual(failure('not_authorized'));
    expect(fleet.calls.length).toBe(1);
  });

  it('uses a new credential when the first one was refused and there is another by then', async () => {
    fleet.registryAnswers.push({ status: 401, body: { error: { code: 'token_expired', message: 'old' } } });
    const tokens = ['first-token-of-this-test', 'first-token-of-this-test', 'second-token-of-this-test'];
    await connected({ credential: async () => tokens.shift() ?? 'second-token-of-this-test' });
    expect(fleet.calls.map(({ authorization }) => authorization)).toEqual([
      'Bearer first-token-of-this-test',
      'Bearer second-token-of-this-test',
    ]);
  });

  it('asks once more when a relay answers 401', async () => {
    fleet.upgradeAnswers.push({ status: 401, body: { error: { code: 'ticket_used', message: 'used' } } });
    await connected();
    expect(fleet.calls.length).toBe(2);
  });

  it('refuses a key that is not pinned before it dials', async () => {
    const other = 'SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';
    await expect(connected({ remoteKeys: [other] })).rejects.toEqual(failure('key_not_pinned'));
    expect(fleet.upgrades).toEqual([]);
    await connected({ remoteKeys: [other, fleet.fingerprint] });
  });

  it('gives up for good when the registry refuses the executor', async () => {
    fleet.handshakePayload = 'codex-registry-authentication-rejected/v1';
    await expect(connected()).rejects.toEqual(failure('executor_credential_rejected'));
    expect(fleet.calls.length).toBe(1);
  });
});

describe('a lost connection', () => {
  it('costs no output: the session is resumed and what was missed is read', async () => {
    const { onEvent, seen } = watched();
    const harness = await connected({ onEvent });
    const starting = fleet.execServer.nextStart();
    const process = await harness.exec({ argv: ['count'] });
    const remote = await starting;
    remote.say('1\n');
    const output = text(process.stdout);
    fleet.cut();
    remote.say('2\n');
    remote.say('3\n');
    await seen('attached', 2);
    remote.say('4\n');
    remote.end(0);
    expect(await output).toBe('1\n2\n3\n4\n');
    expect(await process.exit).toEqual({ exitCode: 0, sandboxDenied: false });
    const [first, second] = fleet.execServer.requests.filter(({ method }) => method === 'initialize');
    expect(first?.params).toMatchObject({ resumeSessionId: null });
    expect(second?.params).toMatchObject({ resumeSessionId: [...fleet.execServer.sessions.keys()][0] });
  });

  it('costs no exit code when the process ended meanwhile', async () => {
    const harness = await connected();
    const starting = fleet.execServer.nextStart();
    const process = await harness.exec({ argv: ['end'] });
    const remote = await starting;
    fleet.cut();
    remote.say('last words');
    remote.end(3);
    expect(await text(process.stdout)).toBe('last words');
    expect(await process.closed).toMatchObject({ exitCode: 3 });
  });

  it('repeats a write under the same id, and applies it once', async () => {
    const harness = await connected();
    const starting = fleet.execServer.nextStart();
    const process = await harness.exec({ argv: ['cat'], stdin: true });
    const remote = await starting;
    let lost = false;
    fleet.execServer.intercept = (method, params) => {
      if (method !== 'process/write' || lost) return undefined;
      lost = true;
      remote.written.push('hello');
      remote.writeIds.add((params as { writeId: string }).writeId);
      fleet.cut();
      return { status: 'accepted' };
    };
    await process.write(Buffer.from('hello'));
    expect(remote.written).toEqual(['hello']);
    expect(fleet.execServer.requests.filter(({ method }) => method === 'process/write').length).toBe(2);
  });

  it('starts a command once, also when the cut hides the answer', async () => {
    const harness = await connected();
    let cut = false;
    fleet.execServer.onStart = () => {
      if (!cut) fleet.cut();
      cut = true;
    };
    fleet.execServer.intercept = (method) => {
      // The answer of the first start waits until the connection is gone.
      if (method === 'process/read') fleet.execServer.started[0]?.end(5);
      return undefined;
    };
    const process = await harness.exec({ argv: ['once'] });
    if (!cut) fleet.cut();
    process.stdout.resume();
    expect(await process.closed).toMatchObject({ exitCode: 5 });
    expect(fleet.execServer.started.length).toBe(1);
  });

  it('fails a request that may not be repeated, and says that its fate is not known', async () => {
    const harness = await connected();
    fleet.execServer.intercept = (method) => {
      if (method === 'fs/writeFile') fleet.cut();
      return undefined;
    };
    await expect(harness.files.writeFile('/f', Buffer.from('x'))).rejects.toEqual(failure('transport_error'));
    fleet.execServer.intercept = () => undefined;
    await harness.files.writeFile('/f', Buffer.from('y'));
    expect((await harness.files.readFile('/f')).toString()).toBe('y');
  });

  it('fails its commands when the session is gone, and opens a new one for the next', async () => {
    const harness = await connected();
    const process = await harness.exec({ argv: ['first'] });
    fleet.execServer.sessions.clear();
    fleet.cut();
    await expect(process.closed).rejects.toEqual(failure('session_lost'));
    fleet.execServer.onStart = (remote) => remote.end(0);
    const next = await harness.exec({ argv: ['second'] });
    expect(await next.closed).toMatchObject({ exitCode: 0 });
  });

  it('does not resume under another key', async () => {
    const harness = await connected();
    const process = await harness.exec({ argv: ['first'] });
    const { generateKeypair } = await import('../noise/index.ts');
    fleet.keypair = generateKeypair();
    fleet.cut();
    await expect(process.closed).rejects.toEqual(failure('executor_key_changed'));
    await harness.exec({ argv: ['second'] });
    expect(harness.diagnostics.fingerprint).toBe(fleet.fingerprint);
  });

  it('is recovered for 45 s and no longer', async () => {
    const clock = new ManualClock();
    const { events, onEvent, passPauses } = watched();
    const harness = await connected({ clock, onEvent });
    const process = await harness.exec({ argv: ['first'] });
    fleet.registryAnswers.push(...Array(20).fill(offline));
    fleet.cut();
    expect(await passPauses(clock, 11)).toEqual([500, 1000, 2000, 4000, ...Array(7).fill(5000)]);
    await expect(process.closed).rejects.toEqual(failure('session_lost'));
    expect(events.at(-1)).toMatchObject({ type: 'gave_up' });
    const { cause } = (await process.closed.catch((error: HarnessError) => error)) as HarnessError;
    expect(cause).toEqual(failure('environment_offline'));
  });

  it('is noticed within 10 s when the relay only falls silent', async () => {
    const clock = new ManualClock();
    const { onEvent, seen } = watched();
    await connected({ clock, onEvent });
    for (const socket of fleet.sockets) socket.pause();
    await clock.pass(5000);
    await clock.pass(5000);
    await seen('disconnected');
    await seen('attached', 2);
  });

  it('is noticed 10 s after the last sign of life, not with the ping after that', async () => {
    const clock = new ManualClock();
    const { onEvent, seen } = watched();
    const harness = await connected({ clock, onEvent });
    clock.advance(4000);
    await harness.roundTrip();
    for (const socket of fleet.sockets) socket.pause();
    clock.advance(1000);
    await clock.pass(5000);
    await clock.pass(4000);
    await seen('disconnected');
  });
});

describe('a slow reader', () => {
  it('stops the reading of the relay, and loses nothing', async () => {
    const harness = await connected();
    const starting = fleet.execServer.nextStart();
    const process = await harness.exec({ argv: ['flood'] });
    const remote = await starting;
    const chunk = 'x'.repeat(8192);
    const chunks = 2048;
    for (let count = 0; count < chunks; count += 1) remote.say(chunk);
    remote.end(0);
    const full = () => process.stdout.readableLength >= process.stdout.readableHighWaterMark;
    while (!full()) await new Promise(setImmediate);
    const [socket] = fleet.sockets;
    for (let turn = 0; turn < 200; turn += 1) await new Promise(setImmediate);
    expect(process.stdout.readableLength).toBeLessThan(2 * process.stdout.readableHighWaterMark);
    expect(socket?.bufferedAmount).toBeGreaterThan(4 * 1024 * 1024);
    expect((await text(process.stdout)).length).toBe(chunk.length * chunks);
  });
});

describe('files', () => {
  it('streams a file of several blocks both ways, byte for byte', async () => {
    const harness = await connected();
    const bytes = Buffer.alloc(5 * 1024 * 1024 + 17, 'abcdefg');
    const source = async function* () {
      for (let offset = 0; offset < bytes.length; offset += 100_000) yield bytes.subarray(offset, offset + 100_000);
    };
    expect(await harness.files.write('/a b', source())).toBe(bytes.length);
    const parts: Buffer[] = [];
    for await (const part of harness.files.read('/a b')) parts.push(part);
    expect(Buffer.concat(parts).equals(bytes)).toBe(true);
    expect([...fleet.execServer.files.keys()]).toEqual(['file:///a%20b']);
  });

  it('goes on reading after a cut', async () => {
    const harness = await connected();
    const bytes = Buffer.alloc(6 * 1024 * 1024, '0123456789');
    fleet.execServer.files.set('file:///big', bytes);
    const parts: Buffer[] = [];
    for await (const part of harness.files.read('/big')) {
      if (parts.length === 1) fleet.cut();
      parts.push(part);
    }
    expect(Buffer.concat(parts).equals(bytes)).toBe(true);
  });

  it('says which file is missing by a code', async () => {
    const harness = await connected();
    await expect(harness.files.readFile('/none')).rejects.toEqual(failure('not_found'));
    await expect(harness.files.readFile('relative')).rejects.toBeInstanceOf(HarnessError);
  });
});
