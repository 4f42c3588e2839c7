import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DEFAULT_LIMITS } from '../relay/index.ts';
import { stopGraceMs } from './serve.ts';

const MAIN = fileURLToPath(new URL('./main.mjs', import.meta.url));

/** A real relay with a registry that is not there: enough of a service to be started and stopped. */
function relay(...args: string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'noisefleet-serve-'));
  const secret = join(folder, 'secret');
  writeFileSync(secret, 'x'.repeat(32), { mode: 0o600 });
  const flags = [
    '--registry-url',
    'http://127.0.0.1:9',
    '--presence-secret-file',
    secret,
    '--listen',
    '127.0.0.1:0',
    '--admin-listen',
    '127.0.0.1:0',
  ];
  const child = spawn(process.execPath, [MAIN, 'relay', ...flags, ...args], { stdio: ['pipe', 'ignore', 'pipe'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  const started = once(child.stderr, 'data');
  return { child, started, exit: once(child, 'exit'), log: () => log };
}

describe('a service', () => {
  it('closes at SIGTERM and ends with 0', async () => {
    const { child, started, exit, log } = relay();
    await started;
    child.kill('SIGTERM');
    expect(await exit).toEqual([0, null]);
    expect(log()).toContain('"reason":"SIGTERM","msg":"stopping"');
  });

  it('ends when its parent dies, where that was asked for', async () => {
    const { child, started, exit, log } = relay('--exit-on-stdin-close');
    await started;
    child.stdin.destroy();
    expect(await exit).toEqual([0, null]);
    expect(log()).toContain('"reason":"standard input closed"');
  });

  it('is not ended in the middle of the time that its end may take', () => {
    const { drainMs, closeMs } = DEFAULT_LIMITS;
    expect(stopGraceMs({ closesWithinMs: drainMs + closeMs })).toBeGreaterThan(drainMs + closeMs);
    // With the three seconds before SIGTERM it fits `terminationGracePeriodSeconds: 90`: nobody is killed who would have ended.
    expect(stopGraceMs({ closesWithinMs: drainMs + closeMs })).toBeLessThan(87_000);
    expect(stopGraceMs({})).toBe(25_000);
  });

  it('says why it cannot start, and ends with 1 although it watches standard input', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    onTestFinished(() => void taken.close());
    const { port } = taken.address() as AddressInfo;
    const { exit, log } = relay('--exit-on-stdin-close', '--listen', `127.0.0.1:${port}`);
    expect(await exit).toEqual([1, null]);
    expect(log()).toContain('EADDRINUSE');
  });
});
