import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { generateKeypair } from '../../noise/index.ts';
import { systemClock } from '../../telemetry/index.ts';
import { parseRegistrationId, parseStreamId } from '../../wire/index.ts';
import { ScriptedRegistry } from '../testing/scripted-registry.ts';
import { RegistryClient } from './registry-client.ts';

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const each of undo.splice(0)) await each();
});

const question = {
  registrationId: parseRegistrationId('registration-1'),
  streamId: parseStreamId('stream-1'),
  harnessKey: generateKeypair().publicKey,
  authorization: 'good',
};

/** A client of a Service in front of registries: the first `dead` of those that it chooses were killed a moment ago. */
async function behindService(dead: number): Promise<{ client: RegistryClient; calls: () => number }> {
  const registry = await ScriptedRegistry.start();
  let calls = 0;
  const service = createServer((socket) => {
    calls += 1;
    if (calls <= dead) return socket.resetAndDestroy();
    const living = connect(Number(new URL(registry.url).port), '127.0.0.1');
    socket.on('error', () => living.destroy()).pipe(living);
    return living.on('error', () => socket.destroy()).pipe(socket);
  }).listen(0, '127.0.0.1');
  await once(service, 'listening');
  const address = service.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const folder = mkdtempSync(join(tmpdir(), 'registry-client-'));
  const tokenFile = join(folder, 'token');
  writeFileSync(tokenFile, 'token', { mode: 0o600 });
  const { environmentId } = registry;
  const client = new RegistryClient({
    environmentId,
    registryUrl: `http://127.0.0.1:${port}`,
    tokenFile,
    clock: systemClock,
  });
  undo.push(
    () => client.close(),
    () => service.close(),
    () => registry.close(),
    () => rmSync(folder, { recursive: true }),
  );
  return { client, calls: () => calls };
}

describe('a call to registries behind one address', () => {
  it('is made again when it met one that was killed, so that no handshake fails for that', async () => {
    const { client, calls } = await behindService(3);
    expect(await client.validate(question)).toMatchObject({ kind: 'valid', grant: 'default/dev' });
    expect(calls()).toBe(4);
  });

  it('is given up after a while, as one that could not be decided', async () => {
    const { client, calls } = await behindService(100);
    expect(await client.validate(question)).toEqual({ kind: 'unavailable', code: 'ECONNRESET' });
    expect(calls()).toBe(7);
  });
});
