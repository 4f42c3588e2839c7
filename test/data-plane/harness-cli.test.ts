import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Plane } from './plane.ts';

const MAIN = new URL('../../src/cli/main.mjs', import.meta.url).pathname;

let plane: Plane;
beforeAll(async () => {
  plane = await Plane.start();
  writeFileSync(plane.path('client-token'), plane.clientToken, { mode: 0o600 });
});
afterAll(() => plane.close());

/** `noisefleet COMMAND` as people call it, with this input; without input its standard input stays open. */
function start(command: string, args: readonly string[]) {
  const connection = ['--registry', plane.registryUrl, '--token-file', plane.path('client-token')];
  return spawn(process.execPath, [MAIN, command, ...connection, ...args], { stdio: 'pipe' });
}

async function noisefleet(command: string, args: readonly string[], input?: string | Buffer) {
  const child = start(command, args);
  if (input !== undefined) child.stdin.end(input);
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code: code as number, stdout, stderr };
}

describe('noisefleet exec', () => {
  it('gives output, errors and exit code of the command, and not a word of its own', async () => {
    expect(await noisefleet('exec', ['demo', '--', 'sh', '-c', 'echo out; echo err >&2; exit 9'])).toEqual({
      code: 9,
      stdout: 'out\n',
      stderr: 'err\n',
    });
  });

  it('passes input on to its end', async () => {
    const input = 'line\n'.repeat(100_000);
    const { code, stdout } = await noisefleet('exec', ['demo', '--', 'wc', '-c'], input);
    expect({ code, count: stdout.trim() }).toEqual({ code: 0, count: String(input.length) });
  });

  it('sets variables and the directory', async () => {
    const args = ['-e', 'GREETING=a b', '-C', '/', 'demo', '--', 'sh', '-c', 'echo "$GREETING in $(pwd)"'];
    expect(await noisefleet('exec', args)).toMatchObject({ stdout: 'a b in /\n' });
  });

  it('says on demand which way it went', async () => {
    const { stderr } = await noisefleet('exec', ['-v', 'demo', '--', 'true']);
    expect(stderr).toMatch(/connected to default\/demo \(SHA256:/);
    expect(stderr).toMatch(/exit 0 · \d+ ms · Noise_hybridIK_25519\+MLKEM768_AESGCM_SHA256 · the relay saw \d+ frames/);
  });

  it('interrupts the command at Ctrl-C, and ends as it does', async () => {
    const child = start('exec', [
      'demo',
      '--',
      'sh',
      '-c',
      'trap "echo caught; exit 42" INT; echo ready; while :; do sleep 0.05; done',
    ]);
    const output: string[] = [];
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      output.push(chunk);
      if (chunk.includes('ready')) child.kill('SIGINT');
    });
    const [code] = await once(child, 'close');
    expect({ code, output: output.join('') }).toEqual({ code: 42, output: 'ready\ncaught\n' });
  });

  it('says who refused, and ends with 4', async () => {
    const { code, stderr } = await noisefleet('exec', ['other', '--', 'true']);
    expect(code).toBe(4);
    expect(stderr).toContain('error: you may not connect to default/other (not_authorized)');
  });

  it('runs nothing on an executor whose key is not pinned', async () => {
    const pin = `SHA256:${'A'.repeat(43)}`;
    const { code, stderr } = await noisefleet('exec', ['--remote-key', pin, 'demo', '--', 'touch', plane.path('ran')]);
    expect(code).toBe(4);
    expect(stderr).toContain('key_not_pinned');
    expect(() => readFileSync(plane.path('ran'))).toThrow();
  });
});

describe('noisefleet cp', () => {
  it('copies trees both ways, byte for byte', async () => {
    const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, index) => (index * 7) % 256));
    mkdirSync(plane.path('tree', 'sub dir'), { recursive: true });
    writeFileSync(plane.path('tree', 'sub dir', 'ä b'), bytes);
    writeFileSync(plane.path('tree', 'empty'), '');
    mkdirSync(plane.path('there'));
    expect(await noisefleet('cp', ['-r', plane.path('tree'), `demo:${plane.path('there')}`])).toMatchObject({
      code: 0,
    });
    expect(readFileSync(plane.path('there', 'tree', 'sub dir', 'ä b')).equals(bytes)).toBe(true);
    const back = await noisefleet('cp', ['-r', `demo:${plane.path('there', 'tree')}`, plane.path('back')]);
    expect(back).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(readFileSync(plane.path('back', 'sub dir', 'ä b')).equals(bytes)).toBe(true);
    expect(readFileSync(plane.path('back', 'empty')).length).toBe(0);
  });

  it('wants -r for a directory, and one side elsewhere', async () => {
    const { code, stderr } = await noisefleet('cp', [plane.path(), 'demo:x']);
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining('-r') });
    expect(await noisefleet('cp', ['a', 'b'])).toMatchObject({ code: 2 });
  });
});

describe('noisefleet run', () => {
  it('gives its child the way to the executor, and no credential of ours', async () => {
    const script = 'echo "$CODEX_EXEC_SERVER_NOISE_REGISTRY_URL $CODEX_EXEC_SERVER_NOISE_ENVIRONMENT_ID"; env; exit 6';
    const { code, stdout } = await noisefleet('run', [
      '--workspace',
      plane.path('ws'),
      'demo',
      '--',
      'sh',
      '-c',
      script,
    ]);
    expect(code).toBe(6);
    expect(stdout).toMatch(/^http:\/\/127\.0\.0\.1:\d+ default_demo\n/);
    expect(stdout).toContain(`NOISEFLEET_WORKSPACE=${plane.path('ws')}`);
    expect(stdout).not.toContain(plane.clientToken);
  });
});
