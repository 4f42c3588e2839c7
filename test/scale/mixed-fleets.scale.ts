import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildBundle } from '../../bench/product/bundle.ts';
import { previousCheckout } from '../previous/previous.ts';
import { type Mix, MixedFleet, type Release } from './mixed/mixed-fleet.ts';
import { ask } from './rig/part.ts';

const OLD = ['previous', 'previous'] as const;

const MIXES: readonly [string, Mix][] = [
  ['registries', { registries: OLD }],
  ['relays', { relays: OLD }],
  ['the sidecar', { sidecar: 'previous' }],
  ['the exec-server', { execServer: 'previous' }],
  ['the client', { client: 'previous' }],
  ['everything but the client', { registries: OLD, relays: OLD, sidecar: 'previous', execServer: 'previous' }],
  ['everything but the executor', { registries: OLD, relays: OLD, client: 'previous' }],
  ['one registry and one relay', { registries: ['previous', 'current'], relays: ['previous', 'current'] }],
];

/** More than may be in flight before a relay has to say what it handed out (`MAX_STREAM_BYTES_IN_FLIGHT`). */
const MUCH_BYTES = 8 * 1024 * 1024;
const LINES = 300;
const COUNTING = `i=0; while [ $i -lt ${LINES} ]; do i=$((i + 1)); echo $i; sleep 0.02; done`;
const COUNTED = `${Array.from({ length: LINES }, (_, index) => index + 1).join('\n')}\n`;
const FOR_EVER = 'echo here; while :; do sleep 1; done';
/** `noisefleet exec`: refused before the command started. */
const REFUSED = 4;

let programs: Readonly<Record<Release, readonly string[]>>;
beforeAll(async () => {
  programs = { previous: buildBundle(await previousCheckout()), current: buildBundle() };
});

describe.each(MIXES)('where the previous release is %s', (_what, mix) => {
  let fleet: MixedFleet;
  beforeAll(async () => {
    fleet = await MixedFleet.start(mix, programs);
  });
  afterAll(() => fleet?.close());

  const shell = (script: string) => fleet.client('exec', ['sh', '-c', script]);

  it('a command runs, and gives much output', async () => {
    expect(await shell('echo out; exit 9').ended).toMatchObject({ code: 9, stdout: 'out\n' });
    const { code, stdout } = await fleet.client('exec', ['head', '-c', `${MUCH_BYTES}`, '/dev/zero']).ended;
    expect({ code, bytes: stdout.length }).toEqual({ code: 0, bytes: MUCH_BYTES });
  });

  it('a client of the other release goes through its connector', async () => {
    const other = fleet.shellWords(mix.client === 'previous' ? 'current' : 'previous');
    const script = `umask 077; token=$(mktemp); printf %s "$CODEX_EXEC_SERVER_NOISE_AUTH_TOKEN" >"$token"
      ${other} exec --registry "$CODEX_EXEC_SERVER_NOISE_REGISTRY_URL" --token-file "$token" demo -- echo through
      code=$?; rm "$token"; exit $code`;
    expect(await fleet.client('run', ['sh', '-c', script]).ended).toMatchObject({ code: 0, stdout: 'through\n' });
  });

  it('a stream survives the drain of one relay, the death of the other and of a registry', async () => {
    const counting = shell(COUNTING);
    await counting.began;
    const [first, second] = fleet.relays;
    if (first === undefined || second === undefined) throw new Error('not two relays');
    await fleet.replaceRelay(first, 'stop');
    await fleet.replaceRelay(second, 'kill');
    await Promise.all(fleet.registries.map((registry) => fleet.restartRegistry(registry)));
    expect(await counting.ended).toMatchObject({ code: 0, stdout: COUNTED });
    expect(fleet.sidecar.log()).toContain('relay asks to move');
  });

  if (mix.registries !== OLD) {
    it('relays are probed by registries of this release, and found well', async () => {
      const probing = mix.registries === undefined ? fleet.registries : fleet.registries.slice(1);
      for (const { endpoint } of probing) {
        const answered = async () => (await ask(`http://${endpoint.admin}/metrics`)).body;
        await expect
          .poll(answered, { timeout: 30_000 })
          .toMatch(/^noisefleet_registry_probes_total\{result="answered"\} [1-9]/m);
      }
      const logs = fleet.registries.map((registry) => registry.log()).join('');
      expect(logs).not.toContain('relay does not forward');
    });
  }

  it('a key that is revoked ends what runs under it, and the next command goes on under the next', async () => {
    const running = shell(FOR_EVER);
    await running.began;
    fleet.addKey('k2');
    fleet.revokeKey('k1');
    expect((await running.ended).code).not.toBe(0);
    await expect.poll(async () => (await shell('echo next').ended).stdout, { timeout: 60_000 }).toBe('next\n');
    await acknowledged('revoked');
  });

  it('a grant that ends puts out who had it, and lets nobody in', async () => {
    const running = shell(FOR_EVER);
    await running.began;
    fleet.setGranted(false);
    expect((await running.ended).code).not.toBe(0);
    expect((await shell('echo in').ended).code).toBe(REFUSED);
    await acknowledged('grant_ended');
  });

  /** By relays and by the sidecar, at whichever registry pushed it. */
  async function acknowledged(reason: string): Promise<void> {
    const by = () => {
      const lines = fleet.registries.flatMap((registry) => registry.log().split('\n'));
      const logged = lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
      const ids = new Set(
        logged.filter((line) => line.msg === 'deny pushed' && line.reason === reason).map(({ denyId }) => denyId),
      );
      const acks = logged.filter((line) => line.msg === 'deny acknowledged' && ids.has(line.denyId));
      return [...new Set(acks.map((line) => String(line.by).split(' ')[0]))].sort();
    };
    await expect.poll(by, { timeout: 30_000 }).toEqual(['relay', 'sidecar']);
  }
});
