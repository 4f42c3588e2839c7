import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { RelayStatus } from '../../relay/index.ts';
import { executorTicket, Fleet } from '../../relay/testing/fleet.ts';
import { relayStatusText } from './status-text.ts';

const MAIN = fileURLToPath(new URL('../main.mjs', import.meta.url));

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'noisefleet-relay-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A real relay with a registry that is not there, and what answers on its socket. */
async function relay() {
  const folder = temporaryFolder();
  const secret = join(folder, 'secret');
  writeFileSync(secret, 'x'.repeat(32), { mode: 0o600 });
  const env = { ...process.env, NOISEFLEET_CONTROL_SOCKET: join(folder, 'run', 'control.sock') };
  const flags = ['--registry-url', 'http://127.0.0.1:9', '--presence-secret-file', secret];
  const listen = ['--listen', '127.0.0.1:0', '--admin-listen', 'none'];
  const child = spawn(process.execPath, [MAIN, 'relay', ...flags, ...listen], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stderr, 'data');
  return { child, noisefleet: (...args: string[]) => noisefleet(args, env) };
}

async function noisefleet(args: readonly string[], env: NodeJS.ProcessEnv) {
  const asking = spawn(process.execPath, [MAIN, 'relay', ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const [output, errors, [code]] = await Promise.all([text(asking.stdout), text(asking.stderr), once(asking, 'exit')]);
  return { output, errors, code };
}

describe('noisefleet relay', () => {
  it('status tells what the relay of this container says, for people and machines', async () => {
    const { noisefleet } = await relay();

    const { output, code } = await noisefleet('status');
    expect(code).toBe(0);
    expect(output).toContain('not ready: no registry has told its ticket keys yet');
    const machine: RelayStatus = JSON.parse((await noisefleet('status', '-o', 'json')).output);
    expect(machine).toMatchObject({ version: 1, ready: false, executors: 0, limits: { drainMs: 60_000 } });
  });

  it('drain --wait ends with 0 when nobody is left, and leaves the process', async () => {
    const { child, noisefleet } = await relay();

    const { output, code } = await noisefleet('drain', '--wait');

    expect(code).toBe(0);
    expect(output).toContain('drained: nobody is left');
    expect((await noisefleet('status')).output).toContain('not ready: draining');
    expect(child.exitCode).toBeNull();
  });

  it('drain --wait ends with 3 when its time is over and somebody is left', async () => {
    const controlSocket = join(temporaryFolder(), 'run', 'control.sock');
    const fleet = await Fleet.start({ controlSocket, limits: { drainMs: 0 } });
    onTestFinished(() => fleet.stop());
    await fleet.real(executorTicket());

    const { output, code } = await noisefleet(['drain', '--wait', '--control-socket', controlSocket], process.env);

    expect(code).toBe(3);
    expect(output).toContain('the time is over, and somebody is left');
  });

  it('says with 3 that nobody answers, and what to do', async () => {
    const elsewhere = join(temporaryFolder(), 'none.sock');

    const { errors, code } = await noisefleet(['status', '--control-socket', elsewhere], process.env);

    expect(code).toBe(3);
    expect(errors).toContain(`no relay answers on ${elsewhere}`);
    expect(errors).toContain('kubectl exec');
  });
});

describe('the status of a relay in words', () => {
  const now = Date.parse('2026-11-21T08:12:00Z');
  const status: RelayStatus = {
    ...{ version: 1, bootId: 'boot', startTime: '2026-11-21T06:02:00Z', ready: true, registries: 2 },
    ...{ executors: 18, harnesses: 29, splices: 3, unfinished: 0, streams: 28 },
    backlog: { towardHarnessesBytes: 3_355_443, towardExecutorsBytes: 0 },
    roundTrips: { executors: { samples: 240, p50Milliseconds: 1.1, p99Milliseconds: 4.04 } },
    limits: {
      maxSockets: 4_454,
      socketsPerIdentity: 2_227,
      processBacklogBytes: 364_904_448,
      processUploadBytes: 1_024,
    },
  };

  it('has everything on a page', () => {
    expect(relayStatusText(status, now)).toBe(
      [
        'RELAY   boot   ready   up 2h',
        '  who is here   executors 18 · harnesses 29 · passed on 3 · streams 28',
        '  registries    2 connected',
        '  unread        3.2 MiB by harnesses · 0 B by executors',
        '  round trip    executors p50 1.1 ms  p99 4.0 ms · harnesses unknown yet',
        '  limits        4454 sockets (2227 of one identity) · unread 348.0 MiB by harnesses, 1.0 KiB by executors',
        '',
      ].join('\n'),
    );
  });

  it.each([
    ['runs', false, 29, 'begun 60s ago · 28 of 40 streams left'],
    ['is done', true, 0, 'begun 60s ago · done, nobody is left'],
    ['ran out of time', true, 29, 'begun 60s ago · its time is over, 28 streams are left'],
  ])('says how far a drain is that %s', (_what, ended, left, words) => {
    const drain = { startTime: '2026-11-21T08:11:00Z', streams: 40, ended };
    const here = left === 0 ? { executors: 0, harnesses: 0, splices: 0 } : {};

    expect(relayStatusText({ ...status, ...here, drain }, now)).toContain(`  drain         ${words}\n`);
  });
});
