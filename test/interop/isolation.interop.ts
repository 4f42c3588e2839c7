import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { freePort } from '../../src/dev/state/free-port.ts';
import { noisefleetProgram } from './fleet.ts';
import { cleanEnvironment } from './user.ts';
import { waitFor } from './wait-for.ts';

/** The sidecar and the workspace container have a user of their own each, as in a pod. */
const SIDECAR = 10_002;
const WORKSPACE = 10_003;

describe('a shell in the workspace, with the exec-server under a user of its own', () => {
  const root = mkdtempSync(join(tmpdir(), 'noisefleet-isolation-'));
  const sidecarFolder = join(root, 'sidecar');
  const children: ChildProcess[] = [];
  let sidecar: ChildProcess;
  let execServer: ChildProcess;
  let url: string;

  beforeAll(async () => {
    expect(process.getuid?.(), 'users of their own can only be had by root').toBe(0);
    execFileSync('chmod', ['755', root]);
    for (const [folder, owner] of [
      ['sidecar', SIDECAR],
      ['workspace', WORKSPACE],
      ['spill', WORKSPACE],
      ['digest', SIDECAR],
    ] as const) {
      mkdirSync(join(root, folder), { mode: folder === 'digest' ? 0o755 : 0o700 });
      chownSync(join(root, folder), owner, owner);
    }
    writeFileSync(join(sidecarFolder, 'token'), randomBytes(32).toString('base64url'), { mode: 0o600 });
    chownSync(join(sidecarFolder, 'token'), SIDECAR, SIDECAR);
    const [execPort, adminPort, nowhere] = [await freePort(), await freePort(), await freePort()];
    url = `ws://127.0.0.1:${execPort}`;
    const digest = join(root, 'digest', 'sha256');
    const place = [
      '--exec-server-url',
      url,
      '--exec-server-digest-file',
      digest,
      '--admin-listen',
      `127.0.0.1:${adminPort}`,
    ];
    const secrets = [
      '--token-file',
      join(sidecarFolder, 'token'),
      '--keys-dir',
      sidecarFolder,
      '--state-dir',
      sidecarFolder,
    ];
    const registry = ['--environment-id', 'default_demo', '--registry-url', `http://127.0.0.1:${nowhere}`];
    sidecar = as(SIDECAR, ['executor', ...registry, ...secrets, ...place]);
    execServer = as(WORKSPACE, [
      'exec-server',
      '--listen',
      url,
      '--token-sha256-file',
      digest,
      '--spill-dir',
      join(root, 'spill'),
    ]);
    await waitFor('the exec-server', () =>
      fetch(`http://127.0.0.1:${execPort}/readyz`).then(
        (answer) => answer.ok,
        () => false,
      ),
    );
  });
  afterAll(async () => {
    for (const child of children) {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
    }
    rmSync(root, { recursive: true, force: true });
  });

  function as(user: number, args: readonly string[]): ChildProcess {
    const identity = [`--reuid=${user}`, `--regid=${user}`, '--clear-groups', '--no-new-privs', '--'];
    const env = cleanEnvironment(join(root, 'workspace'));
    const child = spawn('setpriv', [...identity, ...noisefleetProgram(), ...args], { env, stdio: 'ignore' });
    children.push(child);
    return child;
  }

  /** What a command of the workspace's user prints, errors included. */
  function shell(command: string): string {
    const identity = [`--reuid=${WORKSPACE}`, `--regid=${WORKSPACE}`, '--clear-groups', '--no-new-privs', '--'];
    return execFileSync('setpriv', [...identity, 'sh', '-c', `( ${command} ) 2>&1 || true`], { encoding: 'utf8' });
  }

  it('reads nothing of the sidecar: no file, no memory, no environment', () => {
    expect(readFileSync(join(sidecarFolder, 'exec-server-token'), 'utf8').length).toBeGreaterThanOrEqual(32);
    const files = ['exec-server-token', 'token'].map((name) => join(sidecarFolder, name));
    const ofTheProcess = ['environ', 'mem', 'fd/0', 'root/etc/passwd'].map((name) => `/proc/${sidecar.pid}/${name}`);
    for (const path of [...files, ...ofTheProcess]) {
      expect(shell(`head -c 1 ${path} | wc -c`)).toContain('Permission denied');
    }
    expect(shell(`kill ${sidecar.pid}`)).toMatch(/not permitted/i);
  });

  it('finds no secret in the exec-server that runs it', () => {
    const token = readFileSync(join(sidecarFolder, 'exec-server-token'), 'utf8').trim();
    const readable = shell(
      `cat /proc/${execServer.pid}/environ /proc/${execServer.pid}/cmdline ${join(root, 'digest/sha256')}`,
    );
    expect(readable.length).toBeGreaterThan(100);
    expect(readable).not.toContain(token);
  });

  it.each([
    ['nothing', () => undefined],
    ['the digest, which it may read', () => readFileSync(join(root, 'digest/sha256'), 'utf8').trim()],
    ['a guess', () => randomBytes(32).toString('base64url')],
  ])('is refused by the exec-server with %s as its token', async (_, bearer) => {
    const token = bearer();
    const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const socket = new WebSocket(url, { headers });
    socket.on('error', () => {});
    const [, answer] = await once(socket, 'unexpected-response');
    expect(answer.statusCode).toBe(401);
    socket.terminate();
  });
});
