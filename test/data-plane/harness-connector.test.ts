import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Connector, type ConnectorEvent, type Harness, startConnector } from '../../src/harness/index.ts';
import { eventually, Plane, run } from './plane.ts';

let plane: Plane;
let connector: Connector;
let harness: Harness;
let events: ConnectorEvent[];

beforeEach(async () => {
  plane = await Plane.start();
  events = [];
  connector = await startConnector({
    role: 'harness',
    environmentId: plane.environmentId,
    registryUrl: plane.registryUrl,
    credential: async () => plane.clientToken,
    logger: plane.log.logger('connector'),
    onEvent: (event) => events.push(event),
  });
  harness = await plane.harness({ registryUrl: connector.url, credential: async () => connector.token });
});

afterEach(async () => {
  harness.close();
  await connector.close();
  await plane.close();
});

describe('a harness behind a connector', () => {
  it('runs commands through the whole path', async () => {
    expect(await run(harness, ['/bin/sh', '-c', 'echo hello; exit 3'])).toEqual({ stdout: 'hello\n', exitCode: 3 });
  });

  it('loses no output when either side of the relay is cut', async () => {
    const count = 1_000_000;
    const remote = await harness.exec({ argv: ['/bin/sh', '-c', `seq 1 ${count}`] });
    remote.stderr.resume();
    let text = '';
    const cuts: ('harness' | 'environment')[] = ['harness', 'environment'];
    for await (const chunk of remote.stdout) {
      text += chunk;
      const [next] = cuts;
      if (next && text.length > (3 - cuts.length) * 2_000_000 && (plane.proxy?.cut(next) ?? 0) > 0) cuts.shift();
    }
    expect(cuts).toEqual([]);
    const lines = text.trimEnd().split('\n');
    expect(lines.length).toBe(count);
    expect(lines.every((line, index) => line === String(index + 1))).toBe(true);
    expect(events.filter(({ type }) => type === 'attached').length).toBeGreaterThan(1);
  });

  it('holds back a flood for a slow reader, and nobody beside it', async () => {
    const bytes = 60_000_000;
    const remote = await harness.exec({ argv: ['/bin/sh', '-c', `head -c ${bytes} /dev/zero`] });
    remote.stderr.resume();
    await eventually(() => remote.stdout.readableLength >= remote.stdout.readableHighWaterMark);
    // A second command on the same stream waits with it; another harness does not.
    const other = await plane.harness({ registryUrl: connector.url, credential: async () => connector.token });
    expect(await run(other, ['/bin/echo', 'not held up'])).toMatchObject({ stdout: 'not held up\n' });
    other.close();
    let read = 0;
    for await (const chunk of remote.stdout) read += chunk.length;
    expect(read).toBe(bytes);
  });
});
