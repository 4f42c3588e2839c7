import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { controlToRelay } from '../../wire/index.ts';
import type { RelayLimits } from '../limits.ts';
import { executorTicket, Fleet } from '../testing/fleet.ts';
import { askDrain, askStatus } from './control-client.ts';

let folder: string;
let path: string;
let fleet: Fleet | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'control-'));
  path = join(folder, 'relay', 'control.sock');
});
afterEach(async () => {
  await fleet?.stop();
  fleet = undefined;
  rmSync(folder, { recursive: true });
});

async function start(limits: Partial<RelayLimits> = {}): Promise<Fleet> {
  fleet = await Fleet.start({ controlSocket: path, limits });
  return fleet;
}

/** A socket file whose process is gone. */
function leaveStaleFile(): void {
  mkdirSync(join(folder, 'relay'), { mode: 0o700 });
  const dies = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', dies]);
}

describe('the control socket of a relay', () => {
  it('tells who is here, and nobody but its owner reaches it', async () => {
    const started = await start({ maxSockets: 99 });
    const ticket = executorTicket();
    await started.stream(ticket, await started.sidecar(ticket));

    expect(await askStatus(path)).toMatchObject({
      ...{ version: 1, bootId: started.relay.bootId, ready: true, registries: 1 },
      ...{ executors: 1, harnesses: 1, splices: 0, streams: 1 },
      limits: { maxSockets: 99 },
    });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, 'relay')).mode & 0o777).toBe(0o700);
  });

  it('has round trips once pings were answered', async () => {
    const { registry } = await start();
    const ticket = executorTicket();
    await fleet?.real(ticket);
    expect((await askStatus(path)).roundTrips.executors).toBeUndefined();

    registry.send({ type: 'ping', nonce: 'n', registrationId: ticket.registrationId });
    await registry.sawType('pong');

    const { executors } = (await askStatus(path)).roundTrips;
    expect(executors?.samples).toBe(1);
    expect(executors?.p99Milliseconds).toBe(executors?.p50Milliseconds);
  });

  it('begins the drain that SIGTERM begins, once, and the relay stays', async () => {
    const { relay, registry } = await start({ drainMs: 60_000 });
    const ticket = executorTicket();
    const executor = await fleet?.sidecar(ticket);

    const first = await askDrain(path);
    expect(first).toMatchObject({ ready: false, notReadyReason: 'draining', drain: { streams: 0, ended: false } });
    expect((await askDrain(path)).drain?.startTime).toBe(first.drain?.startTime);
    await executor?.until(({ control }) => control.some(({ type }) => type === 'move'));
    await registry.saw((message) => message.type === 'load' && message.draining);
    executor?.ws.send(controlToRelay.encode({ type: 'leave' }));
    executor?.leave();

    await expect.poll(async () => (await askStatus(path)).drain?.ended, { timeout: 20_000 }).toBe(true);
    expect(relay.notReady()).toBe('draining');
    expect(existsSync(path)).toBe(true);
    await relay.close();
    expect(existsSync(path)).toBe(false);
  });

  it('takes the place of a file that a dead life left', async () => {
    leaveStaleFile();
    expect(existsSync(path)).toBe(true);

    await start();

    expect((await askStatus(path)).version).toBe(1);
  });

  it('is refused where a living process listens', async () => {
    mkdirSync(join(folder, 'relay'), { mode: 0o700 });
    const other = createServer().listen(path);
    await once(other, 'listening');

    await expect(start()).rejects.toMatchObject({ code: 'control_socket_in_use' });

    other.close();
  });

  it.each([0o770, 0o701])('is refused in a folder that others may enter (%o)', async (mode) => {
    mkdirSync(join(folder, 'relay'));
    chmodSync(join(folder, 'relay'), mode);

    await expect(start()).rejects.toMatchObject({ code: 'control_socket_unsafe' });
  });

  it('is refused where a file is that is no socket, which stays', async () => {
    mkdirSync(join(folder, 'relay'), { mode: 0o700 });
    writeFileSync(path, 'somebody’s');

    await expect(start()).rejects.toMatchObject({ code: 'control_socket_unsafe' });

    expect(existsSync(path)).toBe(true);
  });
});
