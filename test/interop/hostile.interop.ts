import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { Harness } from '../../src/harness/index.ts';
import { generateKeypair } from '../../src/noise/index.ts';
import {
  connectResponse,
  decodePublicKey,
  encodeFrame,
  encodePublicKey,
  parseEnvironmentId,
  parseStreamId,
  startChannel,
} from '../../src/wire/index.ts';
import { type RelayProxy, startRelayProxy } from '../faults/relay-proxy.ts';
import { addressOf } from './address.ts';
import { newestCodex } from './codex.ts';
import { type Front, startFront } from './front.ts';
import { counted, outputOf, startCounting } from './our-harness.ts';
import { cleanEnvironment, makeFolder, scratchFolder, withoutPrivileges } from './user.ts';
import { waitFor } from './wait-for.ts';

/** Attempts of the hostile client: far more than the eight failures after which a real executor refuses everybody. */
const ATTEMPTS = 80;

const LINES = 200;
const PAUSE_SECONDS = 0.05;

describe('a hostile client that is authorized, beside a recovering one, at a real executor', () => {
  const scratch = scratchFolder();
  let front: Front;
  let proxy: RelayProxy;
  let executor: ChildProcess;
  beforeAll(async () => {
    front = await startFront({
      identities: ['good', 'hostile'],
      relayPublicUrl: async (relayUrl) => {
        proxy = await startRelayProxy({ target: () => addressOf(relayUrl()) });
        return proxy.url;
      },
    });
    executor = startExecutor(front, scratch.path);
    await waitFor('the executor to be connected', () => proxy.open('environment') > 0);
  });
  afterAll(async () => {
    executor?.kill('SIGTERM');
    await front?.close();
    await proxy?.close();
    scratch.remove();
  });

  it('is stopped in front of the executor, and the other one recovers', async () => {
    const harness = await Harness.connect({
      environmentId: parseEnvironmentId(front.environmentId),
      registryUrl: front.registryUrl,
      credential: async () => front.token('good'),
    });
    const output = outputOf(await startCounting(harness, LINES, PAUSE_SECONDS));

    const outcomes: string[] = [];
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      outcomes.push(await attack(front, attempt % 2 === 0 ? 'garbage' : 'forged authorization'));
      if (attempt === ATTEMPTS / 4) proxy.cut('harness');
    }

    expect(await output).toBe(counted(LINES));
    const refusedInFront = outcomes.filter((outcome) => outcome === 'connect 429' || outcome === 'upgrade 401');
    expect(refusedInFront.length).toBeGreaterThan(ATTEMPTS / 2);
    expect(outcomes.filter((outcome) => outcome === 'reached the executor').length).toBeLessThan(8);
    harness.close();
  });
});

type Attack = 'garbage' | 'forged authorization';

/** One connection with an authorization of its own, and a handshake that no executor can accept. */
async function attack(front: Front, kind: Attack): Promise<string> {
  const keypair = generateKeypair();
  const response = await fetch(`${front.registryUrl}/cloud/environment/${front.environmentId}/connect`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${front.token('hostile')}` },
    body: JSON.stringify({ harness_public_key: encodePublicKey(keypair.publicKey) }),
  });
  if (!response.ok) {
    await response.arrayBuffer();
    return `connect ${response.status}`;
  }
  const bundle = connectResponse.parse(await response.json());
  const streamId = parseStreamId(randomUUID());
  const socket = new WebSocket(bundle.url);
  const refused = new Promise<string>((resolve) => {
    socket.once('unexpected-response', (request, { statusCode }) => {
      request.destroy();
      resolve(`upgrade ${statusCode}`);
    });
  });
  socket.on('error', () => {});
  const outcome = await Promise.race([refused, once(socket, 'open').then(() => undefined)]);
  if (outcome !== undefined) return outcome;

  const forged = startChannel({
    environmentId: parseEnvironmentId(front.environmentId),
    registrationId: bundle.executor_registration_id,
    streamId,
    keypair,
    executorPublicKey: decodePublicKey(bundle.executor_public_key),
    authorization: 'I may, I say',
  });
  const garbage = encodeFrame({ streamId, body: { type: 'handshake', payload: randomBytes(3_600) } });
  socket.send(encodeFrame({ streamId, body: { type: 'resume', nextSeq: 0 } }));
  socket.send(kind === 'garbage' ? garbage : forged.handshake);
  await once(socket, 'close');
  return 'reached the executor';
}

function startExecutor(front: Front, scratch: string): ChildProcess {
  const home = makeFolder(join(scratch, 'home'));
  makeFolder(join(home, 'tmp'));
  const server = [
    newestCodex.binary,
    'exec-server',
    '--remote',
    front.registryUrl,
    '--environment-id',
    front.environmentId,
  ];
  const [file = '', ...args] = withoutPrivileges(server);
  const env = cleanEnvironment(home, { CODEX_HOME: home, CODEX_API_KEY: front.registrationToken });
  return spawn(file, args, { cwd: home, env, stdio: 'ignore' });
}
