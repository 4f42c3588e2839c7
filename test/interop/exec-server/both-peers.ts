import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { Fixture, type Json, TestClient } from '../../../src/exec-server/testing/fixture.ts';
import { newestCodex } from '../codex.ts';

interface Peer {
  readonly url: string;
}

/** Runs a scene against both, each in a directory of its own, and compares what it returns. */
export type Same = (scene: (client: TestClient, directory: string, peer: Peer) => Promise<Json>) => Promise<Json>;

/** What both inherit: neither a secret of ours nor of this machine. */
const INHERITED = {
  PATH: '/usr/bin:/bin',
  LANG: 'C',
  FOO_KEY: '1',
  my_token: '2',
  KEYBOARD: '3',
  PLAIN: '4',
  User: 'u',
};

/**
 * The same requests to our exec-server and to a real `codex exec-server --listen`, both started for a suite: results, error codes and the order of
 * notifications must be the same. What differs on purpose is named at the scene that leaves it out.
 */
export function useBothPeers(): Same {
  const peers: Peer[] = [];
  let fixture: Fixture;
  let real: ChildProcess;
  let scratch: string;

  beforeAll(async () => {
    // Not below the temporary directory: a real Codex refuses that for its home.
    const codexHome = mkdtempSync(join(homedir(), '.codex-conformance-'));
    scratch = realpathSync(mkdtempSync(join(tmpdir(), 'conformance-')));
    const env = { ...INHERITED, HOME: homedir(), CODEX_HOME: codexHome };
    real = spawn(newestCodex.binary, ['exec-server', '--listen', 'ws://127.0.0.1:0'], {
      env,
      cwd: scratch,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    real.once('exit', () => rmSync(codexHome, { recursive: true, force: true }));
    const [line] = await once(real.stdout ?? process.stdin, 'data');
    fixture = await Fixture.start({ ownEnvironment: env });
    peers.push({ url: fixture.server.url }, { url: /ws:\/\/\S+/.exec(String(line))?.[0] ?? '' });
  });
  afterAll(async () => {
    real.kill();
    await fixture.close();
    rmSync(scratch, { recursive: true, force: true });
  });

  return async (scene) => {
    const results: Json[] = [];
    for (const peer of peers) {
      const directory = join(scratch, 'scene');
      rmSync(directory, { recursive: true, force: true });
      mkdirSync(directory);
      const client = await TestClient.open(peer.url);
      try {
        results.push(await scene(client, directory, peer));
      } finally {
        await client.disconnect();
      }
    }
    const [ours, theirs] = results;
    expect(ours).toEqual(theirs);
    return ours;
  };
}

/** The result, or of an error its code: texts are each program's own. */
export async function outcome(client: TestClient, method: string, params?: unknown): Promise<Json> {
  const { result, error } = await client.ask(method, params);
  return error ? { code: error.code } : result;
}

export async function outcomes(client: TestClient, calls: readonly (readonly [string, unknown?])[]): Promise<Json[]> {
  const results: Json[] = [];
  for (const [method, params] of calls) results.push(await outcome(client, method, params));
  return results;
}

export const encode = (text: string) => Buffer.from(text).toString('base64');

export function start(client: TestClient, processId: string, command: string, members: object = {}): Promise<Json> {
  const params = {
    processId,
    argv: ['/bin/sh', '-c', command],
    cwd: 'file:///tmp',
    env: { PATH: '/usr/bin:/bin' },
    tty: false,
  };
  return outcome(client, 'process/start', { ...params, ...members });
}
