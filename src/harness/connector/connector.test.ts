import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { generateKeypair } from '../../noise/index.ts';
import { ManualClock } from '../../telemetry/testing/manual-clock.ts';
import { encodePublicKey, SECURITY_PROFILE } from '../../wire/index.ts';
import { Harness } from '../harness.ts';
import { offline, ScriptedFleet } from '../testing/scripted-fleet.ts';
import type { ConnectorEvent } from './events.ts';
import { type Connector, type ConnectorOptions, startConnector } from './server.ts';

const UPSTREAM_TOKEN = 'upstream-token-of-this-test';

let fleet: ScriptedFleet;
let events: ConnectorEvent[];
const connectors: Connector[] = [];
const harnesses: Harness[] = [];

beforeEach(async () => {
  fleet = await ScriptedFleet.start();
  events = [];
});

afterEach(async () => {
  for (const harness of harnesses.splice(0)) harness.close();
  for (const connector of connectors.splice(0)) await connector.close();
  await fleet.close();
});

async function started(options: Partial<ConnectorOptions> = {}): Promise<Connector> {
  const connector = await startConnector({
    role: 'harness',
    environmentId: fleet.environmentId,
    registryUrl: `${fleet.url}/`,
    credential: async () => UPSTREAM_TOKEN,
    logger: pino({ level: 'silent' }),
    onEvent: (event) => events.push(event),
    random: () => 0,
    ...options,
  });
  connectors.push(connector);
  return connector;
}

/** A harness that knows only the connector. */
async function childOf({ url, token }: Connector): Promise<Harness> {
  const { environmentId } = fleet;
  const harness = await Harness.connect({ environmentId, registryUrl: url, credential: async () => token });
  harnesses.push(harness);
  return harness;
}

async function call(connector: Connector, what: string, body: unknown, token = connector.token) {
  const response = await fetch(`${connector.url}/cloud/environment/${fleet.environmentId}/${what}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const answer = await response.text();
  return { status: response.status, text: answer, body: JSON.parse(answer) };
}

const harnessKey = () => ({ harness_public_key: encodePublicKey(generateKeypair().publicKey) });
const executorKey = () => ({
  security_profile: SECURITY_PROFILE,
  executor_public_key: encodePublicKey(generateKeypair().publicKey),
});

/** What a child's dial comes to: open, or the status of the refusal. */
async function dial(url: string): Promise<WebSocket | number> {
  const socket = new WebSocket(url);
  socket.on('error', () => {});
  const refused = once(socket, 'unexpected-response').then(([, response]) => response.statusCode as number);
  return Promise.race([once(socket, 'open').then(() => socket), refused]);
}

describe('a connector in front of a harness', () => {
  it('lets it run commands without the real credential, registry or relay address', async () => {
    const harness = await childOf(await started());
    fleet.execServer.onStart = (process) => {
      process.say('through loopback');
      process.end(0);
    };
    const process = await harness.exec({ argv: ['x'] });
    expect(await text(process.stdout)).toBe('through loopback');
    expect(fleet.calls[0]?.authorization).toBe(`Bearer ${UPSTREAM_TOKEN}`);
    expect(harness.diagnostics.relayHost).toMatch(/^127\.0\.0\.1:/);
    expect(harness.diagnostics.relayHost).not.toBe(new URL(fleet.url).host);
    expect(events.map(({ type }) => type)).toEqual(['admitted', 'attached']);
  });

  it('refuses whoever does not hold the token of this run, and other environments', async () => {
    const connector = await started();
    expect((await call(connector, 'connect', harnessKey(), 'guess')).status).toBe(401);
    expect((await call(connector, 'register', executorKey())).status).toBe(404);
    expect(fleet.calls).toEqual([]);
  });

  it('keeps no connection of its child, which it could close in the moment of the next call', async () => {
    const connector = await started();
    const agent = new Agent({ keepAlive: true });
    for (const status of [200, 401]) {
      const [token, body] = [status === 200 ? connector.token : 'guess', JSON.stringify(harnessKey())];
      const url = `${connector.url}/cloud/environment/${fleet.environmentId}/connect`;
      const asked = request(url, { agent, method: 'POST', headers: { authorization: `Bearer ${token}` } }).end(body);
      const [answer] = (await once(asked, 'response')) as [IncomingMessage];
      await text(answer);
      expect([answer.statusCode, answer.headers.connection]).toEqual([status, 'close']);
      expect(asked.reusedSocket).toBe(false);
    }
  });

  it('fetches the credential again for each request', async () => {
    let made = 0;
    const connector = await started({ credential: async () => `token-number-${++made}-of-this-test` });
    await call(connector, 'connect', harnessKey());
    await call(connector, 'connect', harnessKey());
    const [first, second] = fleet.calls.map(({ authorization }) => authorization);
    expect(first).not.toBe(second);
  });

  it('uses the last good credential while its source is away', async () => {
    let away = false;
    const credential = async () => {
      if (away) throw new Error('away');
      return UPSTREAM_TOKEN;
    };
    const connector = await started({ credential });
    await call(connector, 'connect', harnessKey());
    away = true;
    expect((await call(connector, 'connect', harnessKey())).status).toBe(200);
  });

  it('passes refusals on as they are, and remembers why', async () => {
    const connector = await started();
    fleet.registryAnswers.push(offline);
    const { status, body } = await call(connector, 'connect', harnessKey());
    expect({ status, code: body.error.code }).toEqual({ status: 409, code: 'environment_offline' });
    expect(events).toEqual([
      { type: 'refused', call: 'connect', status: 409, code: 'environment_offline', message: 'not connected' },
    ]);
  });

  it('refuses a key that is not pinned with a code of its own', async () => {
    const connector = await started({ remoteKeys: [`SHA256:${'A'.repeat(43)}`] });
    const { status, body } = await call(connector, 'connect', harnessKey());
    expect({ status, code: body.error.code }).toEqual({ status: 403, code: 'key_not_pinned' });
  });

  it('answers 503 while the registry is away, which a harness retries', async () => {
    const connector = await started({ registryUrl: 'http://127.0.0.1:9' });
    const { status, body } = await call(connector, 'connect', harnessKey());
    expect({ status, code: body.error.code }).toEqual({ status: 503, code: 'registry_unreachable' });
  });

  it.each([401, 403, 503])('passes on a relay’s refusal of %i', async (status) => {
    const connector = await started();
    fleet.upgradeAnswers.push({ status, body: { error: { code: 'x', message: 'y' } } });
    const { body } = await call(connector, 'connect', harnessKey());
    expect(await dial(body.url)).toBe(status);
  });

  it('answers 401 for an address that was used or never given out', async () => {
    const connector = await started();
    const { body } = await call(connector, 'connect', harnessKey());
    expect(await dial(body.url)).toBeInstanceOf(WebSocket);
    expect(await dial(body.url)).toBe(401);
    expect(await dial(`${connector.url.replace('http', 'ws')}/relay/guess`)).toBe(401);
  });

  it('closes the socket of its child when the relay falls silent', async () => {
    const clock = new ManualClock();
    const connector = await started({ clock });
    const { body } = await call(connector, 'connect', harnessKey());
    const child = await dial(body.url);
    if (typeof child === 'number') throw new Error('refused');
    const closed = once(child, 'close');
    for (const socket of fleet.sockets) socket.pause();
    await clock.pass(5000);
    await clock.pass(5000);
    await closed;
    expect(events.at(-1)).toEqual({ type: 'detached', why: 'relay_silent' });
  });

  it('ends the relay’s socket with its child’s, and the other way round', async () => {
    const connector = await started();
    const first = await dial((await call(connector, 'connect', harnessKey())).body.url);
    const [relayed] = fleet.sockets;
    if (typeof first === 'number' || !relayed) throw new Error('refused');
    const relayClosed = once(relayed, 'close');
    first.terminate();
    await relayClosed;

    const second = await dial((await call(connector, 'connect', harnessKey())).body.url);
    if (typeof second === 'number') throw new Error('refused');
    const childClosed = once(second, 'close');
    fleet.cut();
    await childClosed;
  });
});

describe('a connector in front of an executor', () => {
  const asExecutor = { role: 'executor' } as const;

  it('carries messages unchanged both ways, in order, text as text', async () => {
    const connector = await started(asExecutor);
    const { body } = await call(connector, 'register', executorKey());
    const child = await dial(body.url);
    const [relayed] = fleet.sockets;
    if (typeof child === 'number' || !relayed) throw new Error('refused');
    const atRelay: unknown[] = [];
    const atChild: unknown[] = [];
    relayed.on('message', (data, binary) => atRelay.push(binary ? data : String(data)));
    child.on('message', (data, binary) => atChild.push(binary ? data : String(data)));
    const big = Buffer.alloc(262_144, 7);
    for (const message of [big, 'text', Buffer.alloc(0), big]) {
      child.send(message);
      relayed.send(message);
    }
    while (atRelay.length < 4 || atChild.length < 4) await new Promise(setImmediate);
    expect(atRelay).toEqual([big, 'text', Buffer.alloc(0), big]);
    expect(atChild).toEqual(atRelay);
  });

  it('lets it dial the same address again and again', async () => {
    const connector = await started(asExecutor);
    const { body } = await call(connector, 'register', executorKey());
    expect(await dial(body.url)).toBeInstanceOf(WebSocket);
    fleet.cut();
    expect(await dial(body.url)).toBeInstanceOf(WebSocket);
    fleet.upgradeAnswers.push({ status: 403 });
    expect(await dial(body.url)).toBe(403);
    expect(fleet.calls.length).toBe(1);
  });

  it('sends it to the registry for an address that nobody knows', async () => {
    const connector = await started(asExecutor);
    expect(await dial(`${connector.url.replace('http', 'ws')}/relay/old`)).toBe(403);
  });

  it('retries a registration for 8 s before the child sees an error', async () => {
    const clock = new ManualClock();
    const connector = await started({ ...asExecutor, clock, random: () => 0.4 });
    fleet.registryAnswers.push(
      { status: 503 },
      { status: 409, body: { error: { code: 'not_admitted_yet', message: '' } } },
    );
    const registering = call(connector, 'register', executorKey());
    await clock.pass(300);
    await clock.pass(600);
    expect((await registering).status).toBe(200);

    const busy = { status: 409, body: { error: { code: 'environment_in_use', message: 'busy' } } };
    fleet.registryAnswers.push(...Array(20).fill(busy));
    const refused = call(connector, 'register', executorKey());
    for (const pause of [300, 600, 1200, 2400, 2400]) await clock.pass(pause);
    expect((await refused).body.error.code).toBe('environment_in_use');
  });

  it('shows a final refusal at once', async () => {
    const connector = await started(asExecutor);
    fleet.registryAnswers.push({ status: 403, body: { error: { code: 'superseded', message: '' } } });
    expect((await call(connector, 'register', executorKey())).status).toBe(403);
    expect(fleet.calls.length).toBe(1);
  });

  it('answers with the four fields of the contract only, and with no secret', async () => {
    const connector = await started(asExecutor);
    const { body, text: answer } = await call(connector, 'register', executorKey());
    expect(Object.keys(body).sort()).toEqual(['environment_id', 'executor_registration_id', 'security_profile', 'url']);
    for (const secret of [connector.token, UPSTREAM_TOKEN, 'ticket']) expect(answer).not.toContain(secret);
  });

  it('tells a real executor only whether an authorization is good', async () => {
    const connector = await started(asExecutor);
    const body = { executor_registration_id: 'r', ...harnessKey(), harness_key_authorization: 'a' };
    const answer = await call(connector, 'validate', body);
    expect(answer.text).toBe('{"valid":true}');
    expect(JSON.parse(fleet.calls[0]?.body ?? '')).toEqual(body);
  });
});
