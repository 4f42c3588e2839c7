import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';

const MAIN = fileURLToPath(new URL('./main.mjs', import.meta.url));

/** A cluster that nobody is asked for. */
const KUBECONFIG = fileURLToPath(new URL('./testing/kubeconfig.yaml', import.meta.url));

/** Runs the program as people do, with nothing on standard input. */
async function noisefleet(...args: string[]) {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const [output, errors, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { output, errors, code };
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'noisefleet-cli-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

describe('the command line', () => {
  it('prints its version', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    expect(await noisefleet('version')).toEqual({
      output: `noisefleet ${version} (Node ${process.versions.node})\n`,
      errors: '',
      code: 0,
    });
    expect((await noisefleet('--version')).output).toBe(`noisefleet ${version}\n`);
  });

  it.each([
    ['an unknown command, with the nearest', ['relya'], 'Did you mean relay?'],
    ['an unknown flag, with the nearest', ['relay', '--lsten', 'x'], 'Did you mean --listen?'],
    ['a value that cannot be', ['relay', '--listen', 'x'], 'Write HOST:PORT'],
    [
      'a missing flag, with its variable',
      ['relay'],
      '--registry-url <url> is missing; NOISEFLEET_REGISTRY_URL can say it too',
    ],
    ['a missing argument', ['key', 'create'], "missing required argument 'file'"],
    ['a format that there is not', ['status', '-o', 'xml'], 'json, yaml, wide, name'],
    ['a name that names nothing', ['suspend', 'a/b/c', '--kubeconfig', KUBECONFIG], 'write NAME or NAMESPACE/NAME'],
    [
      'a context that is not there, with the nearest',
      ['status', '--context', 'onw', '--kubeconfig', KUBECONFIG],
      'Did you mean one?',
    ],
    ['a life of tokens that is no duration', ['dev', '--token-ttl', '12'], 'such as 12h or 90s'],
  ])('ends with 2 for %s', async (_name, args, message) => {
    const { errors, code } = await noisefleet(...args);
    expect(errors).toContain(message);
    expect(code).toBe(2);
  });

  it('prints its version for machines', async () => {
    const { output } = await noisefleet('version', '-o', 'json');
    expect(JSON.parse(output)).toEqual({ client: { version: expect.any(String), node: process.versions.node } });
  });

  it.each([
    'dev',
    'exec',
    'cp',
    'run',
    'join',
    'connect',
    'doctor',
    'status',
    'suspend',
    'resume',
    'config',
    'key',
    'registry',
    'relay',
    'executor',
    'exec-server',
    'completion',
    'version',
  ])('explains %s with an example', async (command) => {
    const { output, code } = await noisefleet(command, '--help');
    expect(output).toContain('Example');
    expect(code).toBe(0);
  });

  it('makes a private key file once, and shows only its public half', async () => {
    const file = join(temporaryFolder(), 'k1.json');
    const created = await noisefleet('key', 'create', file);
    expect(created.output).toMatch(/^SHA256:[A-Za-z0-9+/]{43}\n$/);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect((await noisefleet('key', 'fingerprint', file)).output).toBe(created.output);
    expect(Object.keys(JSON.parse((await noisefleet('key', 'public', file)).output))).toEqual([
      'suite',
      'x25519_public_key',
      'mlkem768_public_key',
    ]);
    const again = await noisefleet('key', 'create', file);
    expect(again.errors).toContain('key_file_exists');
    expect(again.code).toBe(1);
  });

  it.each(['bash', 'zsh', 'fish'])('completes commands and flags in %s', async (shell) => {
    const { output, code } = await noisefleet('completion', shell);
    expect(output).toContain('exec-server');
    expect(output).toContain('--token-ttl');
    expect(code).toBe(0);
  });
});

describe('the same program under the names that kubectl knows', () => {
  async function called(name: string, ...args: string[]) {
    const link = join(temporaryFolder(), name);
    symlinkSync(MAIN, link);
    const child = spawn(process.execPath, [link, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    return text(child.stdout);
  }

  it('says how it was called', async () => {
    expect(await called('kubectl-noisefleet', '--help')).toContain('Usage: kubectl noisefleet');
  });

  it('completes in the words of kubectl', async () => {
    expect(await called('kubectl_complete-noisefleet', 'susp')).toBe('suspend\n:4\n');
  });
});

describe('a program on a leash', () => {
  it('passes on output and exit code', async () => {
    const child = spawn(process.execPath, [MAIN, 'leash', '--', 'sh', '-c', 'echo here; exit 3'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
    expect([output, code]).toEqual(['here\n', 3]);
  });

  it('ends when standard input closes', async () => {
    const child = spawn(process.execPath, [MAIN, 'leash', '--', 'sh', '-c', 'echo $$; exec sleep 60'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const [first] = await once(child.stdout, 'data');
    const pid = Number(String(first));
    child.stdin.destroy();
    await once(child, 'exit');
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });
});
