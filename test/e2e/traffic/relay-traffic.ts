import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll } from 'vitest';
import { z } from 'zod';
import { until } from '../isolation/until.ts';
import { processesOf } from '../key-bytes/machine-places.ts';
import type { Place } from '../key-bytes/needles.ts';
import type { Kubectl } from '../kubectl.ts';
import { connectionsIn } from './packets.ts';
import { isTls, keyLogOf, plaintextOf } from './tls.ts';
import { messagesOf } from './web-socket.ts';

/** In a relay's own volume for temporary files. */
const KEY_LOG = '/tmp/tls-keys';
const RELAYS = 'app.kubernetes.io/component=relay';
const READY_SECONDS = 120;
/** A Relay that becomes ready, and other relays in place of its first ones. Milliseconds. */
const SET_UP_LIMIT_MS = 300_000;

const named = z.object({ items: z.array(z.object({ metadata: z.object({ name: z.string() }) })) });

interface Tap {
  readonly pod: string;
  readonly file: string;
  readonly program: ChildProcess;
}

/** Every packet from and to the relays of a namespace, and what they read and write below TLS. */
export class RelayTraffic {
  readonly #folder = mkdtempSync(join(tmpdir(), 'noisefleet-traffic-'));
  #taps: readonly Tap[] = [];

  /**
   * Has the relays of a Relay that is Ready write down the secrets of their TLS connections, and taps them from their first packet on. It
   * replaces and restarts them. To be called as root.
   */
  static async tap(kubectl: Kubectl): Promise<RelayTraffic> {
    const traffic = new RelayTraffic();
    const [deployment = ''] = await namesOf(kubectl, 'deployments');
    await kubectl.run(['set', 'env', `deployment/${deployment}`, `NODE_OPTIONS=--tls-keylog=${KEY_LOG}`]);
    await kubectl.run(['rollout', 'status', `deployment/${deployment}`, `--timeout=${READY_SECONDS}s`], {
      seconds: READY_SECONDS + 10,
    });
    // Those of before have gone, and with them their names.
    const pods = await until(
      () => namesOf(kubectl, 'pods'),
      ({ length }) => length === 2,
      READY_SECONDS * 1_000,
    );
    const program = join(traffic.#folder, 'capture');
    await promisify(execFile)('gcc', ['-O1', '-o', program, join(import.meta.dirname, 'capture.c')]);
    traffic.#taps = await Promise.all(pods.map((pod) => traffic.#tap(program, pod)));
    // What it dialled before nobody could read: it begins anew, in the same network.
    for (const pid of pods.flatMap((pod) => processesOf(pod))) process.kill(pid, 'SIGKILL');
    await kubectl.wait('relay/main', 'condition=Ready', READY_SECONDS);
    return traffic;
  }

  /** Everything up to now, and no more is kept. @throws when something of it is missing, or cannot be read */
  async stop(): Promise<Place[]> {
    for (const { program } of this.#taps) await ended(program);
    return this.#taps.flatMap(({ pod, file }) => {
      const log = processesOf(pod).map((pid) => readFileSync(`/proc/${pid}/root${KEY_LOG}`, 'utf8'));
      return placesOf(pod, readFileSync(file), log.join(''));
    });
  }

  async remove(): Promise<void> {
    for (const { program } of this.#taps) await ended(program);
    rmSync(this.#folder, { recursive: true });
  }

  async #tap(program: string, pod: string): Promise<Tap> {
    const [pid] = processesOf(pod);
    const file = join(this.#folder, pod);
    const output = openSync(file, 'w', 0o600);
    const child = spawn('nsenter', ['--target', String(pid), '--net', program], { stdio: ['ignore', output, 'pipe'] });
    closeSync(output);
    if (child.stderr === null) throw new TypeError('started with a pipe for its errors');
    const [said] = await once(child.stderr, 'data');
    if (String(said) !== 'listening\n') throw new Error(`the tap at ${pod}: ${said}`);
    return { pod, file, program: child };
  }
}

/** Taps the relays of the suite's Relay `main` before anybody else dials them. To be called after `useAgents`. */
export function useRelayTraffic(kubectl: Kubectl): () => RelayTraffic {
  let traffic: RelayTraffic | undefined;
  beforeAll(async () => {
    await kubectl.wait('relay/main', 'condition=Ready', READY_SECONDS);
    traffic = await RelayTraffic.tap(kubectl);
  }, SET_UP_LIMIT_MS);
  afterAll(() => traffic?.remove());
  return () => {
    if (traffic === undefined) throw new Error('relays are tapped after beforeAll');
    return traffic;
  };
}

/** What one relay saw: packets as they are, what was in their TLS, and in the tickets and under the masks of that. */
export function placesOf(pod: string, capture: Buffer, keyLog: string): Place[] {
  const log = keyLogOf(keyLog);
  const places: Place[] = [{ sort: 'packets', where: `packets of ${pod}`, bytes: capture }];
  for (const { name, client, server } of connectionsIn(capture)) {
    if (client.hasHole || server.hasHole) throw new Error(`packets of ${name} at ${pod} are missing`);
    if (!isTls(client.bytes)) continue;
    const read = plaintextOf({ client: client.bytes, server: server.bytes }, log);
    const messages = messagesOf(read.client);
    const where = `${name} at ${pod}`;
    const inside = { requests: read.client, answers: read.server, messages };
    for (const [sort, bytes] of Object.entries(inside))
      places.push({ sort, where, bytes }, { sort: `tickets in ${sort}`, where, bytes: ticketsIn(bytes) });
  }
  return places;
}

/** What is said by every signed token in there (RFC 7519 §3). */
function ticketsIn(bytes: Buffer): Buffer {
  const claims = bytes.toString('latin1').matchAll(/eyJ[\w-]+\.([\w-]+)\./g);
  return Buffer.concat([...claims].map(([, text = '']) => Buffer.from(text, 'base64url')));
}

async function namesOf(kubectl: Kubectl, kind: 'deployments' | 'pods'): Promise<readonly string[]> {
  const { items } = named.parse(await kubectl.get(kind, '-l', RELAYS));
  return items.map(({ metadata }) => metadata.name);
}

async function ended(program: ChildProcess): Promise<void> {
  if (program.exitCode !== null || program.signalCode !== null) return;
  program.kill();
  await once(program, 'exit');
}
