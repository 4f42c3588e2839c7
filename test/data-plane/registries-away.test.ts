import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { generateKeypair } from '../../src/noise/index.ts';
import { encodePublicKey, parseErrorBody, registryPath } from '../../src/wire/index.ts';
import { Line } from '../faults/line.ts';
import { eventually, Plane, run } from './plane.ts';

let plane: Plane;
const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  await plane.close();
  for (const end of ends.splice(0)) await end();
});

const hash = (text: string) => createHash('sha256').update(text).digest('hex');
const counted = (count: number) => `${Array.from({ length: count }, (_, n) => n + 1).join('\n')}\n`;

/** A command that prints 1 to `count`, goes on until it is told to end, and then says so. */
async function longCommand(count: number) {
  const harness = await plane.harness();
  const script = `seq 1 ${count}; read _; seq 1 ${count}`;
  const remote = await harness.exec({ argv: ['/bin/sh', '-c', script], stdin: true });
  remote.stderr.resume();
  const output = (async () => {
    let text = '';
    for await (const chunk of remote.stdout) text += chunk;
    return text;
  })();
  return { harness, output, finish: () => remote.write(Buffer.from('go on\n')) };
}

/** What `connect` answers a new harness. */
async function connectAnswer(): Promise<{ status: number; code: string | undefined }> {
  const response = await fetch(`${plane.registryUrl}${registryPath(plane.environmentId, 'connect')}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${plane.clientToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ harness_public_key: encodePublicKey(generateKeypair().publicKey) }),
  });
  return { status: response.status, code: parseErrorBody(await response.text())?.code };
}

describe('half of the registries gone', () => {
  it('stops nobody: sessions go on, and new ones are let in by the other half', async () => {
    plane = await Plane.start({ twinRegistry: true });
    const { harness, output, finish } = await longCommand(20_000);

    await plane.endRegistry();

    const another = await plane.harness();
    expect(await run(another, ['/bin/echo', 'here'])).toEqual({ stdout: 'here\n', exitCode: 0 });
    expect(plane.relays[0]?.notReady()).toBeUndefined();
    await finish();
    expect(hash(await output)).toBe(hash(counted(20_000).repeat(2)));
    await Promise.all([harness.close(), another.close()]);
  });
});

describe('a relay that is cut from its registries', () => {
  it('keeps its sessions, is sent nobody new, and is sent them again when it is back', async () => {
    plane = await Plane.start({ relays: 0 });
    const line = await Line.lay(() => new URL(plane.registry?.url ?? ''));
    ends.push(() => line.close());
    const relay = await plane.startRelay([line.url]);
    const { harness, output, finish } = await longCommand(20_000);
    expect(await connectAnswer()).toMatchObject({ status: 200 });

    line.cut();
    await eventually(() => plane.log.has('registry', 'relay lost'));
    expect(await connectAnswer()).toEqual({ status: 409, code: 'environment_offline' });
    // It has the ticket keys, so it can go on for a while: `src/relay/registries.test.ts`.
    expect(relay.notReady()).toBeUndefined();
    await finish();
    expect(hash(await output)).toBe(hash(counted(20_000).repeat(2)));

    line.mend();
    const another = await plane.harness();
    expect(await run(another, ['/bin/echo', 'back'])).toEqual({ stdout: 'back\n', exitCode: 0 });
    await Promise.all([harness.close(), another.close()]);
  });
});
