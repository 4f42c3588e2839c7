import { describe, it } from 'vitest';
import { TestClient } from '../../../src/exec-server/testing/fixture.ts';
import { encode, outcome, outcomes, start, useBothPeers } from './both-peers.ts';

const same = useBothPeers();

describe('initialize', () => {
  it('comes first, once, and resumes what is known and free', async () => {
    await same(async (client, _directory, { url }) => {
      const fresh = await TestClient.connect(url);
      const before = await outcomes(fresh, [
        ['environment/status'],
        ['process/read', { processId: 'x' }],
        ['fs/readFile', { path: 'file:///etc/hostname' }],
        ['initialize', {}],
        ['initialize', { clientName: 'x', resumeSessionId: 'nope' }],
      ]);
      await fresh.call('initialize', { clientName: 'x' });
      const between = await outcomes(fresh, [['environment/status'], ['initialize', { clientName: 'x' }]]);
      fresh.notify('initialized', {});
      const after = await outcomes(fresh, [
        ['environment/status'],
        ['initialize', { clientName: 'x' }],
        ['foo/bar', {}],
      ]);
      const { sessionId } = client as TestClient & { sessionId: string };
      const second = await TestClient.connect(url);
      const attached = await outcome(second, 'initialize', { clientName: 'x', resumeSessionId: sessionId });
      await Promise.all([fresh.disconnect(), second.disconnect()]);
      return { before, between, after, attached };
    });
  });

  it('is followed by answers without an id to what is malformed', async () => {
    await same(async (client) => {
      for (const text of ['garbage', '[]', '{"id":null,"method":"x"}']) client.socket.send(text);
      await client.until(() => client.notifications.length === 3);
      return [client.notifications.map(({ params }) => params.code), await client.call('environment/status')];
    });
  });

  it.each([
    { method: 'process/exited', params: {} },
    { id: 7, result: {} },
  ])('ends with %j', async (message) => {
    await same(async (client) => {
      client.socket.send(JSON.stringify(message));
      await client.until(() => client.isClosed);
      return 'closed';
    });
  });
});

describe('environment/info', () => {
  it('has the members that a harness uses', async () => {
    await same(async (client) => {
      const { shell, platformOs, userHomeDir, tempDir } = await client.call('environment/info');
      return { shell, platformOs, userHomeDir, tempDir };
    });
  });
});

describe('a resumed session', () => {
  it('reads what it missed and goes on', async () => {
    await same(async (client, _directory, { url }) => {
      const { sessionId } = client as TestClient & { sessionId: string };
      await start(client, 'p', 'echo one; read x; echo two; sleep 0.1; exit 5', { pipeStdin: true });
      await client.until(() => client.of('p').length > 0);
      await client.disconnect();
      let next: TestClient | undefined;
      while (!next) next = await TestClient.open(url, sessionId).catch(() => undefined);
      const read = await outcome(next, 'process/read', { processId: 'p', afterSeq: 0 });
      await next.call('process/write', { processId: 'p', chunk: encode('\n'), writeId: '1' });
      const rest = await next.closed('p');
      await next.disconnect();
      return [read, rest];
    });
  });
});
