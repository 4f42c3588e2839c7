import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { decodeJwt } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { Harness, type RemoteProcess } from '../../src/harness/index.ts';
import { generateKeypair, loadKeyFile } from '../../src/noise/index.ts';
import {
  encodePublicKey,
  type HarnessTicket,
  parseBody,
  parseBootId,
  parseErrorBody,
  registerResponse,
  registryPath,
  SECURITY_PROFILE,
  TicketSigner,
} from '../../src/wire/index.ts';
import { RawHarness } from '../data-plane/raw-harness.ts';
import { Detour, type Way } from './rig/detour.ts';
import { Forger } from './rig/forger.ts';
import { percentile } from './rig/gaps.ts';
import type { RigRelay } from './rig/replicas.ts';
import { Rig } from './rig/rig.ts';

const RELAY_PORT = 8_081;
/** The first of all boot ids in every order: between equals a registry chooses this one. */
const FIRST_BOOT_ID = '-'.repeat(16);
const ROUND_TRIPS = 300;
const ROUND_TRIP_BYTES = 1_024;
const INPUT_BYTES = 8 * 1_024 * 1_024;
const INPUT_CHUNK_BYTES = 60_000;
const OUTPUT_LINES = 2_000_000;

let rig: Rig;
let detour: Detour;
const forgers: Forger[] = [];
beforeAll(async () => {
  rig = await Rig.start({ registries: 2, relays: 2, executors: 1 });
  await rig.settled();
  detour = await Detour.open(rig);
});
afterEach(async () => {
  for (const forger of forgers.splice(0)) await forger.stop();
});
afterAll(async () => {
  detour?.close();
  await rig?.stop();
});

const environmentId = () => rig.executors[0]?.id ?? rig.addExternal('nobody');
const hash = (data: Uint8Array | string) => createHash('sha256').update(data).digest('hex');

function harness(): Promise<Harness> {
  const credential = () => Promise.resolve(rig.files.clientToken(0));
  return Harness.connect({ environmentId: environmentId(), registryUrl: detour.url, credential });
}

/** What `connect` hands out now. */
async function freshTicket(): Promise<{ token: string; claims: HarnessTicket }> {
  const options = { registryUrl: rig.registryUrl, environmentId: environmentId(), token: rig.files.clientToken(0) };
  const response = await RawHarness.ask({ ...options, keypair: generateKeypair() });
  const { url }: { url: string } = JSON.parse(await response.text());
  const token = new URL(url).searchParams.get('ticket') ?? '';
  const {
    bootId,
    address,
    registrationId,
    grant,
    identityHash,
    harnessKeyHash,
    exp = 0,
  } = decodeJwt<HarnessTicket>(token);
  const bound = {
    environmentId: environmentId(),
    registrationId,
    bootId,
    address,
    grant,
    identityHash,
    harnessKeyHash,
  };
  return { token, claims: { ...bound, jti: randomUUID(), expiresAt: exp } };
}

/** As a registry would sign it: the test has its keys. */
async function signed(claims: HarnessTicket): Promise<string> {
  const signer = await TicketSigner.fromFile(rig.files.path('ticket-keys.json'));
  const now = Date.now() / 1_000;
  return signer.signHarnessTicket({ ...claims, jti: randomUUID(), expiresAt: now + 60 }, now);
}

/** How this relay answers a harness with this ticket. */
async function answerOf(relay: RigRelay, token: string): Promise<string> {
  const socket = new WebSocket(`ws://${relay.address}/v1/harness?role=harness&ticket=${token}`);
  socket.on('error', () => {});
  const answered = Promise.withResolvers<string>();
  socket.once('open', () => answered.resolve('accepted'));
  socket.once('unexpected-response', async (_request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(Buffer.from(chunk));
    answered.resolve(`${response.statusCode} ${parseErrorBody(Buffer.concat(chunks).toString())?.code}`);
  });
  const answer = await answered.promise;
  socket.terminate();
  return answer;
}

const at = (address: string) => relayWhere((relay) => relay.address === address);
const notAt = (address: string) => relayWhere((relay) => relay.address !== address);

function relayWhere(matches: (relay: RigRelay) => boolean): RigRelay {
  const relay = rig.relays.find(matches);
  if (relay === undefined) throw new Error('no such relay');
  return relay;
}

async function expectService(): Promise<void> {
  const session = await harness();
  const remote = await session.exec({ argv: ['/bin/echo', 'served'] });
  expect((await outputOf(remote)).toString()).toBe('served\n');
  await session.close();
}

async function outputOf(remote: RemoteProcess): Promise<Buffer> {
  remote.stderr.resume();
  const chunks: Buffer[] = [];
  for await (const chunk of remote.stdout) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

describe('a harness at another replica than its executor, each on a host of its own', () => {
  it('gets and gives every byte', async () => {
    detour.way = 'spliced';
    const session = await harness();
    const printing = await session.exec({ argv: ['/bin/sh', '-c', `seq 1 ${OUTPUT_LINES}`] });
    const counting = await session.exec({ argv: ['/bin/sh', '-c', `head -c ${INPUT_BYTES} | sha256sum`], stdin: true });
    const given = randomBytes(INPUT_BYTES);
    const feeding = (async () => {
      for (let start = 0; start < INPUT_BYTES; start += INPUT_CHUNK_BYTES) {
        await counting.write(given.subarray(start, start + INPUT_CHUNK_BYTES));
      }
    })();
    const [output, sum] = await Promise.all([outputOf(printing), outputOf(counting), feeding]);

    let expected = '';
    for (let line = 1; line <= OUTPUT_LINES; line += 1) expected += `${line}\n`;
    expect(hash(output)).toBe(hash(expected));
    expect(sum.toString().split(' ')[0]).toBe(hash(given));
    expect(await splices()).toBeGreaterThan(0);
    await session.close();
  });

  it('is as far away as the table says', async () => {
    const times: Record<Way, number[]> = { direct: [], spliced: [] };
    for (const way of ['direct', 'spliced', 'direct', 'spliced'] as const) {
      detour.way = way;
      times[way].push(...(await roundTrips()));
    }
    for (const [way, values] of Object.entries(times)) {
      const [p50, p99] = [0.5, 0.99].map((share) => percentile(values, share).toFixed(2));
      console.log(`round trip of ${ROUND_TRIP_BYTES} bytes, ${way}: p50 ${p50} ms, p99 ${p99} ms (${values.length})`);
    }
    expect(times.spliced).toHaveLength(times.direct.length);
  });

  /** Of both relays; counted once a second, so looked at until there is one. */
  async function splices(): Promise<number> {
    for (;;) {
      const bodies = await Promise.all(rig.relays.map((relay) => relay.part.ask('/metrics')));
      const open = bodies.map(({ body }) =>
        Number(/^noisefleet_relay_sockets\{kind="splice"\} (\d+)/m.exec(body)?.[1]),
      );
      const sum = open.reduce((total, each) => total + each, 0);
      if (sum > 0) return sum;
    }
  }

  async function roundTrips(): Promise<number[]> {
    const options = { registryUrl: detour.url, environmentId: environmentId(), token: rig.files.clientToken(0) };
    const raw = await RawHarness.open(options);
    await raw.initialize();
    const padding = 'x'.repeat(ROUND_TRIP_BYTES);
    const times: number[] = [];
    for (let n = 0; n < ROUND_TRIPS; n += 1) {
      const start = performance.now();
      await raw.request('environment/status', { padding });
      times.push(performance.now() - start);
    }
    raw.vanish();
    return times;
  }
});

describe('somebody with the secret of relays, on a third host', () => {
  /** Who says in every way that he is at `claimed`, as this life of a relay. */
  async function forge(bootId: string, claimed: string): Promise<Forger> {
    const host = claimed.split(':')[0] ?? '';
    const hello = { v: 1, type: 'hello', bootId, port: RELAY_PORT, address: claimed, host, remoteAddress: host };
    const snapshot = { v: 1, type: 'snapshot', entries: [{ ticket: await executorTicket(), sessions: [] }] };
    const orders = {
      registryUrl: rig.registries[0]?.url ?? '',
      secret: readFileSync(rig.files.path('presence-secret'), 'utf8').trim(),
      headers: { 'x-forwarded-for': host, 'x-real-ip': host, forwarded: `for=${host}` },
      messages: [hello, snapshot],
    };
    const forger = new Forger(rig.network.place(), orders, RELAY_PORT);
    forgers.push(forger);
    await forger.says('listening');
    return forger;
  }

  /** A good one, as the sidecar has it, and so every relay that the sidecar dials. */
  async function executorTicket(): Promise<string> {
    const folder = rig.files.path('e0');
    const { publicKey } = loadKeyFile(`${folder}/keys/k1.json`);
    const response = await fetch(`${rig.registryUrl}${registryPath(environmentId(), 'register')}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${readFileSync(`${folder}/token`, 'utf8')}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({ security_profile: SECURITY_PROFILE, executor_public_key: encodePublicKey(publicKey) }),
    });
    const { url } = parseBody(registerResponse, await response.text(), 'register');
    return new URL(url).searchParams.get('ticket') ?? '';
  }

  it('is known by the address that he has, whatever he says', async () => {
    const victim = rig.relays[0]?.address ?? '';
    const forger = await forge(FIRST_BOOT_ID, victim);
    const sent = await ticketWhere(({ bootId }) => bootId === FIRST_BOOT_ID);
    expect(sent.address).toBe(`${forger.place.address}:${RELAY_PORT}`);
    // He takes the connection and does not answer: the relay in between gives up.
    expect(
      await answerOf(
        relayWhere(() => true),
        await signed(sent),
      ),
    ).toBe('401 relay_unreachable');
    expect(forger.visits).toBeGreaterThan(0);
  });

  it('cannot take the place of a relay that stands', async () => {
    const { claims } = await freshTicket();
    const forger = await forge(claims.bootId, claims.address);
    expect((await forger.says('closed')).code).toBe(1008);
    const sent = await ticketWhere(({ bootId }) => bootId === claims.bootId);
    expect(sent.address).toBe(claims.address);
    await expectService();
    expect(forger.visits).toBe(0);
  });

  it('is not reached with a ticket whose address was changed to his', async () => {
    const { token, claims } = await freshTicket();
    const forger = await forge(claims.bootId, claims.address);
    const [head, payload = '', signature] = token.split('.');
    const text = Buffer.from(payload, 'base64url').toString('utf8');
    const changed = text.replace(claims.address, `${forger.place.address}:${RELAY_PORT}`);
    expect(changed).not.toBe(text);
    const forged = [head, Buffer.from(changed).toString('base64url'), signature].join('.');
    for (const relay of rig.relays) expect(await answerOf(relay, forged)).toBe('401 ticket_invalid');
    expect(forger.visits).toBe(0);
  });

  /** The registries answer in turn, and only the first one was lied to. */
  async function ticketWhere(matches: (claims: HarnessTicket) => boolean): Promise<HarnessTicket> {
    for (;;) {
      const { claims } = await freshTicket();
      if (matches(claims)) return claims;
    }
  }
});

describe('a ticket for a life of a relay that is gone', () => {
  it('is refused where nobody has its address any more, and where another life has it', async () => {
    const { claims } = await freshTicket();
    const victim = at(claims.address);
    const other = notAt(claims.address);
    await victim.kill();
    await victim.removed;
    expect(await answerOf(other, await signed(claims))).toBe('401 relay_unreachable');

    const next = await rig.startRelay(victim.endpoint.host);
    await rig.settled();
    expect(next.address).toBe(claims.address);
    // The executor is there again, so a ticket for that registration could be served by mistake.
    expect(await answerOf(next, await signed(claims))).toBe('401 wrong_relay');
    expect(await answerOf(other, await signed(claims))).toBe('401 wrong_relay');
    const { claims: fresh } = await freshTicket();
    expect(fresh.bootId).not.toBe(claims.bootId);
    expect(await answerOf(at(fresh.address), await signed(fresh))).toBe('accepted');
    await expectService();
  });

  it('is refused when it names the right address and a life that never was', async () => {
    const { claims } = await freshTicket();
    const never = await signed({ ...claims, bootId: parseBootId(randomBytes(12).toString('base64url')) });
    for (const relay of rig.relays) expect(await answerOf(relay, never)).toBe('401 wrong_relay');
  });
});
