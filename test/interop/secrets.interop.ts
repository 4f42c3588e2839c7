import type { ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newestCodex } from './codex.ts';
import { startCodexTurn } from './codex-turn.ts';
import { finished, type ProxiedFleet, startProxiedFleet } from './fleet.ts';
import { fleetOf } from './manifests.ts';
import { joinRealExecutor } from './real-executor.ts';
import { waitFor } from './wait-for.ts';

const TYPED = 'correct-horse-battery-staple';

/** Shorter strings in the state folder are names, ports and times, not secrets. */
const SECRET_CHARACTERS = 32;

interface Secret {
  readonly where: string;
  readonly value: string;
}

/** A whole session, with everything logged that can be logged. */
describe('secrets of a whole session', () => {
  let fleet: ProxiedFleet;
  let host: ChildProcess;
  let processes: string[] = [];

  beforeAll(async () => {
    const extra = ['--log-level', 'trace', '--token-ttl', '6s'];
    fleet = await startProxiedFleet({ capture: true, manifests: fleetOf('BuiltIn', 'External'), arguments: extra });
    host = await joinRealExecutor(fleet, 'external', newestCodex);
    await waitFor('both executors to be connected', () => fleet.proxy.open('environment') >= 2);

    const steps = [() => ({ kind: 'exec', command: `echo ${TYPED}; sleep 4; echo ${TYPED}` }) as const];
    const turns = ['builtin', 'external'].map((environment, index) =>
      startCodexTurn({ fleet, release: newestCodex, environment, steps, home: `home-${index}` }),
    );
    const [first] = await Promise.all(turns);
    await waitFor('both harnesses to be connected', () => fleet.proxy.open('harness') >= 2);
    processes = everyProcess();
    fleet.proxy.cut('harness');
    for (const turn of await Promise.all(turns)) expect(await turn.result).toMatchObject({ code: 0 });
    expect(first).toBeDefined();
    expect(await finished(fleet.noisefleet(['exec', 'builtin', '--', 'echo', TYPED]))).toMatchObject({ code: 0 });
  });
  afterAll(async () => {
    host?.kill('SIGTERM');
    await fleet?.stop();
  });

  it('are in no log, no argument and no environment of another process', () => {
    const secrets = [...secretsOfTheState(fleet), ...tickets(fleet), { where: 'typed command', value: TYPED }];
    expect(secrets.length).toBeGreaterThan(10);
    const logs = logsOf(fleet);
    expect(logs.length).toBeGreaterThan(10_000);
    const commandLine = { where: 'typed command', value: TYPED };
    const inProcesses = secrets.filter(({ where }) => where !== commandLine.where);
    expect(secrets.filter((secret) => contains(logs, secret)).map(({ where }) => where)).toEqual([]);
    expect(inProcesses.filter((secret) => contains(processes.join('\n'), secret)).map(({ where }) => where)).toEqual(
      [],
    );
  });

  it('do not pass the relay, apart from the tickets made for it', () => {
    const captured = fleet.proxy.captured().toString('latin1');
    const secrets = [...secretsOfTheState(fleet), { where: 'typed command', value: TYPED }];
    expect(secrets.filter((secret) => contains(captured, secret)).map(({ where }) => where)).toEqual([]);
  });
});

/** Every long string of the state folder that is not known to be public, and every whole file that is one token. */
function secretsOfTheState(fleet: ProxiedFleet): Secret[] {
  const found: Secret[] = [];
  for (const file of filesBelow(fleet.stateDir)) {
    if (/\.(log|sha256)$/.test(file) || /directory/.test(file)) continue;
    const text = readFileSync(file, 'utf8').trim();
    if (!text.startsWith('{')) {
      if (text.length >= SECRET_CHARACTERS && !text.includes('\n')) found.push({ where: file, value: text });
      continue;
    }
    JSON.parse(text, (key, value) => {
      const secret = /token|secret|private|seed|^d$|bearer/i.test(key) && !/sha256|digest/i.test(key);
      if (secret && typeof value === 'string' && value.length >= SECRET_CHARACTERS)
        found.push({ where: `${file}: ${key}`, value });
      return value;
    });
  }
  for (const [id, { clientToken, registrationToken }] of Object.entries(fleet.ready().environments)) {
    found.push({ where: `client token of ${id}`, value: clientToken });
    if (registrationToken !== undefined) found.push({ where: `registration token of ${id}`, value: registrationToken });
  }
  return found;
}

/** The signatures of the tickets: they alone make a ticket one. */
function tickets(fleet: ProxiedFleet): Secret[] {
  return (['harness', 'environment'] as const).flatMap((role) =>
    fleet.proxy.requestLines(role).map((line, index) => ({
      where: `ticket ${index} of ${role}`,
      value: /ticket=[\w-]+\.[\w-]+\.([\w-]+)/.exec(line)?.[1] ?? line,
    })),
  );
}

function logsOf(fleet: ProxiedFleet): string {
  const files = filesBelow(fleet.scratch).filter((file) => file.endsWith('.log'));
  return files.map((file) => readFileSync(file, 'latin1')).join('\n');
}

/** Arguments and environment of every process of this machine. */
function everyProcess(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => ['cmdline', 'environ'].map((file) => readIfThere(join('/proc', pid, file))));
}

/** As it is, as hexadecimal digits, and in either base64, of the text and of the bytes that the text encodes. */
function contains(haystack: string, { value }: Secret): boolean {
  const forms = [Buffer.from(value), Buffer.from(value, 'base64')].flatMap((bytes) => [
    bytes.toString('latin1'),
    bytes.toString('hex'),
    bytes.toString('base64').replace(/=+$/, ''),
    bytes.toString('base64url'),
  ]);
  return [value, ...forms].some((form) => haystack.includes(form));
}

function filesBelow(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && !entry.parentPath.includes('/checkout') && !/^codex-\d/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Processes come and go while they are looked at. */
function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
