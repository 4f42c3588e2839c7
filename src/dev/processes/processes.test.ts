import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../telemetry/index.ts';
import { freePort } from '../state/free-port.ts';
import { eventually } from '../testing/eventually.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { failuresAfter, restartPause } from './backoff.ts';
import { childEnvironment } from './environment.ts';
import { LogFollower, warningOf } from './log-follower.ts';
import { findProgram } from './program-path.ts';
import { SupervisedProcess } from './supervised-process.ts';

describe('the environment of children', () => {
  it('is what is listed and nothing else', () => {
    const own = {
      PATH: '/usr/bin',
      HOME: '/home/me',
      LC_ALL: 'C.UTF-8',
      OPENAI_API_KEY: 's',
      AWS_SECRET_ACCESS_KEY: 's',
      NODE_OPTIONS: 'x',
      CODEX_HOME: '/c',
    };
    expect(childEnvironment(own)).toEqual({ PATH: '/usr/bin', HOME: '/home/me', LC_ALL: 'C.UTF-8', CODEX_HOME: '/c' });
  });

  it('finds the user’s programs, not those of this project that npm puts in front', () => {
    const path = '/p/node_modules/.bin:/node_modules/.bin:/x/node-gyp-bin:/usr/bin:/bin';
    expect(childEnvironment({ PATH: path }).PATH).toBe('/usr/bin:/bin');
  });
});

describe('restarts', () => {
  it('pause longer each time up to ten seconds, and begin anew after a life that was well', () => {
    expect([1, 2, 3, 7, 8, 100].map(restartPause)).toEqual([100, 200, 400, 6400, 10_000, 10_000]);
    expect(failuresAfter(5, 29_999)).toBe(6);
    expect(failuresAfter(5, 30_000)).toBe(1);
  });
});

describe('programs', () => {
  it('are found on the path, or where they were said to be', () => {
    expect(findProgram('sh', '/nowhere:/bin')).toBe('/bin/sh');
    expect(findProgram('/bin/sh', '')).toBe('/bin/sh');
    expect(findProgram('no-such-program', '/bin')).toBeUndefined();
    expect(findProgram('/bin', '')).toBeUndefined();
  });
});

describe('the log of a child', () => {
  it('is followed for warnings from where it stands, whole lines only', () => {
    const path = join(temporaryFolder(), 'log');
    writeFileSync(path, '{"level":"error","msg":"before"}\n');
    const follower = new LogFollower(path);
    appendFileSync(
      path,
      '{"level":"info","msg":"fine"}\n{"level":"warn","time":"t","component":"relay","msg":"slow","stream":1}\n{"level":"er',
    );
    expect(follower.look()).toEqual([{ level: 'warn', message: 'slow', fields: { stream: 1 } }]);
    appendFileSync(path, 'ror","msg":"late"}\nnot json\n');
    expect(follower.look()).toEqual([{ level: 'error', message: 'late', fields: {} }]);
    expect(follower.look()).toEqual([]);
  });

  it('may be missing, and hold lines that are not ours', () => {
    expect(new LogFollower('/nonexistent/log').look()).toEqual([]);
    expect(warningOf('{"level":50,"msg":"x"}')).toBeUndefined();
    expect(warningOf('{')).toBeUndefined();
    expect(warningOf('null')).toBeUndefined();
  });
});

/** A child that answers its readiness probe and writes its pid; `hang` makes it ignore SIGTERM. */
async function supervised({ hang = false } = {}) {
  const folder = temporaryFolder();
  const port = await freePort();
  const script = `
    require('node:http').createServer((request, response) => response.end('ok')).listen(${port}, '127.0.0.1');
    process.stdin.on('close', () => process.exit(0)).resume();
    ${hang ? "process.on('SIGTERM', () => {});" : ''}
    console.log('pid ' + process.pid);`;
  const log = join(folder, 'log');
  const events: string[] = [];
  const child = new SupervisedProcess(
    {
      name: 'probe',
      command: async () => [process.execPath, '-e', script],
      env: { PATH: process.env.PATH },
      logFile: log,
      readyUrl: `http://127.0.0.1:${port}/readyz`,
    },
    { ready: () => events.push('ready'), ended: (how) => events.push(how) },
    systemClock,
  );
  onTestFinished(() => child.kill());
  return { child, events, log };
}

describe('a supervised process', () => {
  it('is ready when it says so, comes back after its death, and ends when it is stopped', async () => {
    const { child, events, log } = await supervised();
    child.start();
    await eventually(() => (child.isReady ? true : undefined));
    const first = child.pid ?? 0;
    process.kill(first, 'SIGKILL');
    const second = await eventually(() => (child.isReady && child.pid !== first ? child.pid : undefined));
    await child.stop();
    expect(isRunning(second)).toBe(false);
    expect(events).toEqual(['ready', 'was ended by SIGKILL', 'ready']);
    expect(readFileSync(log, 'utf8')).toBe(`pid ${first}\npid ${second}\n`);
  });

  it('is ended by force when it does not listen', async () => {
    const { child } = await supervised({ hang: true });
    child.start();
    const pid = await eventually(() => (child.isReady ? child.pid : undefined));
    const stopped = child.stop();
    child.kill();
    await stopped;
    expect(isRunning(pid)).toBe(false);
  });

  it('says why a program cannot be started, and tries again', async () => {
    const ends: string[] = [];
    const child = new SupervisedProcess(
      {
        name: 'missing',
        command: async () => ['/nonexistent/program'],
        env: {},
        logFile: join(temporaryFolder(), 'log'),
        readyUrl: 'http://127.0.0.1:9/',
      },
      { ready: () => {}, ended: (how) => ends.push(how) },
      systemClock,
    );
    onTestFinished(() => child.kill());
    child.start();
    await eventually(() => (ends.length >= 2 ? true : undefined));
    expect(ends[0]).toContain('ENOENT');
    await child.stop();
  });
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
