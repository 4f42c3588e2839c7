import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { Harness } from '../harness/index.ts';
import { createKeyFile, generateKeypair, keyFingerprint } from '../noise/index.ts';
import { connectResponse, decodePublicKey, encodePublicKey, keyHash, parseEnvironmentId } from '../wire/index.ts';
import { DevProcess, FOREIGN_SECRET, isRunning } from './testing/dev-process.ts';
import { eventually } from './testing/eventually.ts';

// Each test starts up to a dozen processes, on machines that may be busy with others.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 });

/** Two signals closer together than 300 ms are one wish. */
const SIGNAL_PAUSE_MS = 400;

const DEMO = parseEnvironmentId('default_demo');

async function connect(registry: string, token: string, environment: string = DEMO) {
  const harness_public_key = encodePublicKey(generateKeypair().publicKey);
  const answer = await fetch(`${registry}/cloud/environment/${environment}/connect`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ harness_public_key }),
  });
  return { status: answer.status, body: await answer.json() };
}

/** The fingerprint of the key that a new harness is handed out. */
async function servedKey(dev: DevProcess): Promise<string | undefined> {
  const { registry, environments } = await dev.ready();
  const { status, body } = await connect(registry, environments[DEMO]?.clientToken ?? '');
  return status === 200 ? keyHash(decodePublicKey(connectResponse.parse(body).executor_public_key)) : undefined;
}

async function run(dev: DevProcess, ...argv: string[]) {
  const { registry } = await dev.ready();
  const credential = async () => (await dev.ready()).environments[DEMO]?.clientToken ?? '';
  const harness = await Harness.connect({ environmentId: DEMO, registryUrl: registry, credential });
  try {
    const command = await harness.exec({ argv });
    command.pty.resume();
    const [output, , { exitCode }] = await Promise.all([text(command.stdout), text(command.stderr), command.closed]);
    return { output, exitCode };
  } finally {
    harness.close();
  }
}

describe('a running dev', () => {
  const dev = new DevProcess();
  beforeAll(async () => {
    await dev.start('--log-level', 'trace').ready();
  });
  afterAll(() => dev.dispose());

  it('writes a private ready file with all that clients need, and nothing of it to the terminal', async () => {
    const ready = await dev.ready();
    expect(statSync(dev.readyFile).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(dev.state, 'ready.json'), 'utf8')).toBe(readFileSync(dev.readyFile, 'utf8'));
    expect(ready).toMatchObject({
      pid: dev.child.pid,
      registry: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      environments: {
        default_demo: { clientToken: expect.any(String) },
        default_laptop: { registrationToken: expect.any(String) },
      },
    });
    expect(ready.environments.default_demo).not.toHaveProperty('registrationToken');
    expect(dev.output).toContain('isolates nothing');
    for (const { clientToken } of Object.values(ready.environments)) expect(dev.output).not.toContain(clientToken);
  });

  it('runs a command on the executor, in its workspace', async () => {
    const ran = await run(dev, 'pwd');
    expect(ran).toEqual({ output: `${join(dev.folder, 'workspace')}\n`, exitCode: 0 });
    expect(statSync(join(dev.folder, 'workspace')).mode & 0o777).toBe(0o700);
  });

  it('gives commands nothing of the environment that is not meant for them', async () => {
    const { output } = await run(dev, 'env');
    expect(output).toContain('PATH=');
    expect(output).not.toContain(FOREIGN_SECRET);
    expect(output).not.toContain('node_modules/.bin');
  });

  it('shows no secret in arguments and environments', async () => {
    const { environments } = await dev.ready();
    const secrets = Object.values(environments).flatMap(({ clientToken, registrationToken = [] }) =>
      [clientToken, registrationToken].flat(),
    );
    for (const file of [
      'presence-secret',
      'executors/default_demo/token',
      'executors/default_demo/sidecar/exec-server-token',
    ]) {
      secrets.push(readFileSync(join(dev.state, file), 'utf8').trim());
    }
    for (const pid of await dev.pids()) {
      const seen = readFileSync(`/proc/${pid}/cmdline`, 'utf8') + readFileSync(`/proc/${pid}/environ`, 'utf8');
      for (const secret of [...secrets, FOREIGN_SECRET]) expect(seen).not.toContain(secret);
    }
    const logs = readdirSync(join(dev.state, 'logs')).map((name) =>
      readFileSync(join(dev.state, 'logs', name), 'utf8'),
    );
    expect(logs.join('').length).toBeGreaterThan(0);
    for (const secret of secrets) expect(logs.join('')).not.toContain(secret);
  });

  it('refuses a second one on the same state directory', async () => {
    const second = new DevProcess();
    onTestFinished(() => second.dispose());
    second.start('--state-dir', dev.state);
    expect(await second.exited()).toBe(1);
    expect(second.output).toContain(`runs already with this state directory (process ${dev.child.pid})`);
    expect(existsSync(dev.readyFile)).toBe(true);
  });

  it.each(['registry', 'relay'] as const)(
    'starts a %s that was killed again, on the same port, and commands go on',
    async (part) => {
      const before = await eventually(() => dev.processes()?.[part]);
      process.kill(before.pid, 'SIGKILL');
      const after = await eventually(() => {
        const now = dev.processes()?.[part];
        return now?.pid !== undefined && now.pid !== before.pid ? now : undefined;
      });
      expect(after).toEqual({ ...before, pid: after.pid });
      expect((await run(dev, 'echo', 'again')).output).toBe('again\n');
    },
  );

  it.each(['sidecar', 'execServer'] as const)('starts the %s that was killed again', async (part) => {
    const before = await eventually(() => dev.processes()?.executors[DEMO]?.[part]);
    process.kill(before.pid, 'SIGKILL');
    await eventually(() => {
      const pid = dev.processes()?.executors[DEMO]?.[part].pid;
      return pid !== undefined && pid !== before.pid ? pid : undefined;
    });
    expect((await run(dev, 'echo', 'again')).output).toBe('again\n');
  });

  it('makes the next key when the annotation changes, and new sessions get it', async () => {
    const first = await eventually(() => servedKey(dev));
    dev.edit('executor.yaml', (yaml) => yaml.replace('"2026-11-21T08:00:00Z"', '"now, please"'));
    const second = await eventually(async () => {
      const key = await servedKey(dev);
      return key === first ? undefined : key;
    });
    expect(readdirSync(join(dev.state, 'executors/default_demo/keys')).sort()).toEqual(['k1.json', 'k2.json']);
    await eventually(() => (dev.output.includes('Key k2 serves new connections in place of k1') ? true : undefined));
    expect(second).not.toBe(first);
  });

  it('revokes a key that the annotation names, and says who has cut it', async () => {
    const revoked = await eventually(() => servedKey(dev));
    dev.edit('executor.yaml', (yaml) =>
      yaml.replace('annotations:', 'annotations:\n    noisefleet.dev/revoke-requested-key: k2'),
    );
    await eventually(async () => (((await servedKey(dev)) ?? revoked) !== revoked ? true : undefined));
    const record = await eventually(() => {
      const key = dev.status(DEMO)?.keys.find(({ id }) => id === 'k2');
      return key?.destructionTime === undefined ? undefined : key;
    });
    expect(record).toMatchObject({ state: 'Revoked', cut: { acknowledged: 2, expected: 2, missing: [] } });
    expect(readdirSync(join(dev.state, 'executors/default_demo/keys'))).not.toContain('k2.json');
  });

  it('takes up a key file that is put beside the others', async () => {
    const { publicKey } = createKeyFile(join(dev.state, 'executors/default_demo/keys/k7.json'));
    await eventually(async () => ((await servedKey(dev)) === keyFingerprint(publicKey) ? true : undefined));
  });

  it('follows grants: without one there is no connection, and with it there is again', async () => {
    const { registry, environments } = await dev.ready();
    const token = environments[DEMO]?.clientToken ?? '';
    dev.edit('grant.yaml', (yaml) => yaml.replace('tier: dev', 'tier: other'));
    await eventually(async () => ((await connect(registry, token)).status === 403 ? true : undefined));
    dev.edit('grant.yaml', (yaml) => yaml.replace('tier: other', 'tier: dev'));
    await eventually(async () => ((await connect(registry, token)).status === 200 ? true : undefined));
  });

  it('follows executors that come and go, and keeps what was in force when a manifest is wrong', async () => {
    const path = join(dev.manifests, 'second.yaml');
    const manifest = `apiVersion: noisefleet.dev/v1alpha1\nkind: Executor\nmetadata: {name: second}\nspec:\n  relayRef: {name: main}\n  workspace: {type: Ephemeral, path: ${dev.folder}/second}\n`;
    writeFileSync(path, manifest.replace('relayRef', 'relayReference'));
    await eventually(() => (dev.output.includes('second.yaml:5') ? true : undefined));
    expect(Object.keys((await dev.ready()).environments)).toEqual(['default_demo', 'default_laptop']);
    writeFileSync(path, manifest);
    await eventually(() => dev.readyNow()?.environments.default_second);
    const pid = await eventually(() => dev.processes()?.executors.default_second?.sidecar.pid);
    writeFileSync(path, '');
    await eventually(() => (dev.processes()?.executors.default_second === undefined ? true : undefined));
    expect(isRunning(pid)).toBe(false);
    expect(dev.readyNow()?.environments.default_second).toBeUndefined();
  });
});

describe('the tokens of dev', () => {
  it('are renewed before they end, and the registry says of an old one that it expired', async () => {
    const dev = new DevProcess();
    onTestFinished(() => dev.dispose());
    const first = (await dev.start('--token-ttl', '4s').ready()).environments[DEMO]?.clientToken ?? '';
    const { registry } = await dev.ready();
    const refused = await eventually(async () => {
      const { status, body } = await connect(registry, first);
      return status === 401 ? body : undefined;
    });
    expect(refused).toMatchObject({ error: { code: 'token_expired' } });
    expect((await run(dev, 'echo', 'renewed')).output).toBe('renewed\n');
    expect(dev.readyNow()?.environments[DEMO]?.clientToken).not.toBe(first);
  });
});

describe('the end of dev', () => {
  it('ends every part after SIGTERM, takes its ready files away and exits 0', async () => {
    const dev = new DevProcess();
    onTestFinished(() => dev.dispose());
    await dev.start().ready();
    const pids = await dev.pids();
    expect(await dev.signal('SIGTERM')).toBe(0);
    expect(pids.filter(isRunning)).toEqual([]);
    expect(
      [dev.readyFile, join(dev.state, 'ready.json'), join(dev.state, 'lock')].filter((path) => existsSync(path)),
    ).toEqual([]);
  });

  it('ends everything at once at a second signal, a part that does not listen included', async () => {
    const dev = new DevProcess();
    onTestFinished(() => dev.dispose());
    await dev.start().ready();
    const pids = await dev.pids();
    const { pid } = await eventually(() => dev.processes()?.relay);
    process.kill(pid, 'SIGSTOP');
    const gone = once(dev.child, 'exit');
    dev.child.kill('SIGINT');
    await eventually(() => (existsSync(dev.readyFile) ? undefined : true));
    const again = setInterval(() => dev.child.kill('SIGINT'), SIGNAL_PAUSE_MS);
    expect(await gone).toEqual([130, null]);
    clearInterval(again);
    await eventually(() => (pids.some(isRunning) ? undefined : true));
  });

  it('leaves no part behind when it is killed, and the next start has the same addresses and keys', async () => {
    const dev = new DevProcess();
    onTestFinished(() => dev.dispose());
    const before = await dev.start().ready();
    const key = await servedKey(dev);
    const pids = await dev.pids();
    await dev.signal('SIGKILL');
    await eventually(() => (pids.some(isRunning) ? undefined : true));
    dev.start();
    const after = await eventually(() => {
      const ready = dev.readyNow();
      return ready?.pid === dev.child.pid ? ready : undefined;
    });
    expect(after.registry).toBe(before.registry);
    expect(await servedKey(dev)).toBe(key);
  });

  it('goes on with a rotation in the middle of which it was killed', async () => {
    const dev = new DevProcess();
    onTestFinished(() => dev.dispose());
    await dev.start().ready();
    await eventually(() => (dev.status(DEMO)?.keys[0]?.state === 'Active' ? true : undefined));
    dev.edit('executor.yaml', (yaml) => yaml.replace('"2026-11-21T08:00:00Z"', '"now, please"'));
    await eventually(() => dev.status(DEMO)?.keys[1]);
    await dev.signal('SIGKILL');
    dev.start();
    await eventually(() => (dev.status(DEMO)?.keys[1]?.state === 'Active' ? true : undefined));
    expect(dev.status(DEMO)?.keys.map(({ id, state }) => `${id} ${state}`)).toEqual(['k1 Retiring', 'k2 Active']);
    expect(readdirSync(join(dev.state, 'executors/default_demo/keys')).sort()).toEqual(['k1.json', 'k2.json']);
  });
});

describe('commands that run', () => {
  it.each(['SIGTERM', 'SIGKILL'] as const)('end with dev, also after %s', async (signal) => {
    const dev = new DevProcess();
    onTestFinished(() => dev.dispose());
    const { registry, environments } = await dev.start().ready();
    const credential = async () => environments[DEMO]?.clientToken ?? '';
    const harness = await Harness.connect({ environmentId: DEMO, registryUrl: registry, credential });
    onTestFinished(() => harness.close());
    const command = await harness.exec({ argv: ['sh', '-c', 'echo $$; exec sleep 600'] });
    for (const stream of [command.stdout, command.stderr, command.pty]) stream.on('error', () => {});
    const [first] = await once(command.stdout, 'data');
    const pid = Number(String(first));
    expect(isRunning(pid)).toBe(true);
    await dev.signal(signal);
    await eventually(() => (isRunning(pid) ? undefined : true));
  });
});

describe('a dev that cannot start', () => {
  it.each([
    ['an unknown field', (yaml: string) => yaml.replace('sandbox:', 'sandbx:'), 'did you mean "sandbox"?', 2],
    [
      'a relay that is not there',
      (yaml: string) => yaml.replaceAll('relayRef: { name: main }', 'relayRef: { name: other }'),
      'RelayNotFound',
      2,
    ],
    [
      'a Codex that is not installed',
      (yaml: string) => yaml.replace('type: BuiltIn', 'type: Codex'),
      '--codex-bin PATH',
      1,
    ],
  ])('says why: %s', async (_name, change, message, code) => {
    const dev = new DevProcess();
    onTestFinished(() => dev.dispose());
    dev.edit('executor.yaml', change);
    dev.start('--codex-bin', 'no-such-codex');
    expect(await dev.exited()).toBe(code);
    expect(dev.output).toContain(message);
    expect(existsSync(dev.readyFile)).toBe(false);
  });
});

describe('a part that ends again and again', () => {
  it('makes the start fail with its last words, long before the patience for a slow one ends', async () => {
    const dev = new DevProcess();
    onTestFinished(() => dev.dispose());
    const codex = join(dev.folder, 'codex');
    writeFileSync(codex, '#!/bin/sh\necho "no licence for this phase of the moon" >&2\nexit 9\n', { mode: 0o755 });
    dev.edit('executor.yaml', (yaml) => yaml.replace('type: BuiltIn', 'type: Codex'));
    dev.start('--codex-bin', codex);
    expect(await dev.exited()).toBe(1);
    expect(dev.output).toContain('no licence for this phase of the moon');
    expect(dev.output).toContain('ended with exit code 9');
  });
});

describe('npm start -- --exit', () => {
  it('shows one command through the whole path and ends with 0', async () => {
    const dev = new DevProcess();
    onTestFinished(() => dev.dispose());
    dev.start('--demo', '--exit');
    expect([await dev.exited(), dev.output]).toEqual([
      0,
      expect.stringMatching(
        /exec demo -- uname -sm\n {2}\S+ \S+\n {2}exit 0 · \d+ ms · Noise_hybridIK_\S+ · the relay saw \d+ frames, [\d.]+ kB, all ciphertext\n/,
      ),
    ]);
  });
});
