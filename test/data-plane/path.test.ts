import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import type { HarnessError } from '../../src/harness/index.ts';
import { generateKeypair } from '../../src/noise/index.ts';
import { eventually, Plane, run } from './plane.ts';
import { sessionIn } from './raw-harness.ts';

let plane: Plane;
afterEach(() => plane.close());

/** Every number from 1 to `count`, one a line: a gap, a repetition or a swap changes the hash. */
const counting = (count: number) => ['/bin/sh', '-c', `seq 1 ${count}`];
const counted = (count: number) => `${Array.from({ length: count }, (_, n) => n + 1).join('\n')}\n`;
const hash = (text: string) => createHash('sha256').update(text).digest('hex');

describe('a command through registry, relay, sidecar and exec-server', () => {
  it('brings back its output and its exit code', async () => {
    plane = await Plane.start();
    const harness = await plane.harness();
    expect(await run(harness, ['/bin/sh', '-c', 'echo hello; exit 3'])).toEqual({ stdout: 'hello\n', exitCode: 3 });
    await harness.close();
  });

  it('reads files of 128 KiB and more, byte for byte', async () => {
    plane = await Plane.start();
    const harness = await plane.harness();
    for (const size of [0, 1, 131_072, 3_000_000]) {
      const bytes = randomBytes(size);
      writeFileSync(plane.path('file'), bytes);
      const read: Buffer[] = [];
      for await (const chunk of harness.files.read(plane.path('file'))) read.push(chunk);
      expect(Buffer.concat(read).equals(bytes)).toBe(true);
    }
    await harness.close();
  });

  it('loses and reorders nothing when the harness is cut off in the middle of its output', async () => {
    plane = await Plane.start();
    const harness = await plane.harness();
    const remote = await harness.exec({ argv: counting(3_000_000) });
    remote.stderr.resume();
    let text = '';
    let cuts = 0;
    for await (const chunk of remote.stdout) {
      text += chunk;
      if (text.length > (cuts + 1) * 4_000_000 && cuts < 3) cuts += (plane.proxy?.cut('harness') ?? 0) > 0 ? 1 : 0;
    }
    expect(cuts).toBe(3);
    expect(hash(text)).toBe(hash(counted(3_000_000)));
    expect(await remote.closed).toMatchObject({ exitCode: 0 });
    await harness.close();
  });

  it('loses nothing when the executor is cut off, and the sidecar dials again', async () => {
    plane = await Plane.start();
    const harness = await plane.harness();
    const remote = await harness.exec({ argv: counting(300_000) });
    remote.stderr.resume();
    let text = '';
    let isCut = false;
    for await (const chunk of remote.stdout) {
      text += chunk;
      if (text.length > 500_000 && !isCut) isCut = (plane.proxy?.cut('environment') ?? 0) > 0;
    }
    expect(isCut).toBe(true);
    expect(hash(text)).toBe(hash(counted(300_000)));
    await harness.close();
  });

  it('brings 50 MiB complete while harness and executor are cut off at once, again and again', async () => {
    plane = await Plane.start();
    const harness = await plane.harness();
    const remote = await harness.exec({ argv: counting(6_800_000) });
    remote.stderr.resume();
    const received = createHash('sha256');
    let bytes = 0;
    let cuts = 0;
    for await (const chunk of remote.stdout) {
      received.update(chunk);
      bytes += chunk.length;
      if (bytes < (cuts + 1) * 12_000_000) continue;
      cuts += 1;
      plane.proxy?.cut('harness');
      plane.proxy?.cut('environment');
    }
    expect(bytes).toBeGreaterThan(50 * 1024 * 1024);
    expect(cuts).toBeGreaterThan(3);
    expect(received.digest('hex')).toBe(hash(counted(6_800_000)));
    await harness.close();
  });

  it('goes on when relay and registry die and come back', async () => {
    plane = await Plane.start();
    const harness = await plane.harness();
    const remote = await harness.exec({ argv: ['/bin/sh', '-c', 'seq 1 100000; sleep 2; seq 100001 200000'] });
    remote.stderr.resume();
    const registry = plane.registry;
    plane.proxy?.cut('harness');
    plane.proxy?.cut('environment');
    await Promise.all([plane.endRelay(), registry?.close()]);
    await plane.startRegistry();
    await plane.startRelay();
    let text = '';
    for await (const chunk of remote.stdout) text += chunk;
    expect(hash(text)).toBe(hash(counted(200_000)));
    await harness.close();
  });

  it('goes on when the sidecar is started again', async () => {
    plane = await Plane.start();
    const harness = await plane.harness();
    const remote = await harness.exec({ argv: ['/bin/sh', '-c', 'seq 1 100000; sleep 2; seq 100001 200000'] });
    remote.stderr.resume();
    await plane.executor?.close();
    await plane.startExecutor();
    let text = '';
    for await (const chunk of remote.stdout) text += chunk;
    expect(hash(text)).toBe(hash(counted(200_000)));
    await harness.close();
  });

  it('leaves no secret in any log', async () => {
    plane = await Plane.start();
    const raw = await plane.raw();
    const session = sessionIn(await raw.initialize());
    const ticket = new URL(raw.bundle.url).searchParams.get('ticket') ?? 'missing';
    await plane.executor?.close();
    for (const secret of [plane.clientToken, session, ticket, raw.bundle.harness_key_authorization])
      expect(plane.log.text()).not.toContain(secret);
  });
});

describe('a session', () => {
  it('is nobody else’s: forged and foreign ids are refused alike', async () => {
    plane = await Plane.start();
    const owner = await plane.raw();
    const session = sessionIn(await owner.initialize());
    owner.vanish();
    const thief = await plane.raw(generateKeypair());
    const answers = [await thief.initialize(session), await thief.initialize('8d1f5c1e-0000-4000-8000-000000000000')];
    for (const answer of answers) expect(answer).toContain('-32600');
    const back = await plane.raw(owner.keypair);
    expect(sessionIn(await back.initialize(session))).toBe(session);
  });

  it('moves to a new stream of its harness though the old one still looks alive', async () => {
    plane = await Plane.start();
    const stuck = await plane.raw();
    const session = sessionIn(await stuck.initialize());
    const fresh = await plane.raw(stuck.keypair);
    expect(sessionIn(await fresh.initialize(session))).toBe(session);
    expect(await stuck.ended).toMatch(/reset|closed/);
  });

  it('ends with its processes when its grant ends', async () => {
    plane = await Plane.start();
    const harness = await plane.harness();
    const remote = await harness.exec({ argv: ['/bin/sh', '-c', 'echo $$; exec sleep 1000'] });
    remote.stderr.resume();
    const [first] = await remote.stdout.take(1).toArray();
    const pid = Number(String(first).trim());
    expect(isAlive(pid)).toBe(true);
    plane.setGranted(false);
    await eventually(() => !isAlive(pid));
    await expect(plane.harness()).rejects.toMatchObject({ code: 'not_authorized' } satisfies Partial<HarnessError>);
    await harness.close();
  });
});

describe('a grant that ends while no registry is there', () => {
  it('ends the session and its processes once one is back', async () => {
    plane = await Plane.start();
    const harness = await plane.harness();
    const remote = await harness.exec({ argv: ['/bin/sh', '-c', 'echo $$; exec sleep 1000'] });
    remote.stderr.resume();
    const [first] = await remote.stdout.take(1).toArray();
    const pid = Number(String(first).trim());
    await plane.registry?.close();
    plane.setGranted(false);
    await plane.startRegistry();
    await eventually(() => !isAlive(pid));
    await harness.close();
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
