import { once } from 'node:events';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger, systemClock } from '../../telemetry/index.ts';
import { TestAuthority } from '../testing/authority.ts';
import { followAuthorities, trustOptions } from './authorities.ts';

const logger = createLogger({ component: 'test', level: 'silent' });

describe('the authorities of a file', () => {
  let folder: string;
  const file = () => join(folder, 'ca.crt');
  const follow = () => followAuthorities({ file: file(), clock: systemClock, logger });

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'noisefleet-ca-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  /** As the kubelet does it: a folder of each version, and a link to it that is replaced at once. */
  async function publish(version: number, text: string): Promise<void> {
    await mkdir(join(folder, `..${version}`));
    await writeFile(join(folder, `..${version}`, 'ca.crt'), text);
    await symlink(`..${version}`, join(folder, '..data_tmp'));
    await rename(join(folder, '..data_tmp'), join(folder, '..data'));
    if (version === 1) await symlink('..data/ca.crt', file());
  }

  it('decide about each new connection as they are then, through the links of a mounted ConfigMap', async () => {
    const [old, next] = await Promise.all([TestAuthority.make(), TestAuthority.make()]);
    const server = createServer(await next.issue(), (socket) => socket.on('error', () => {}).end('hello'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    await publish(1, old.certificate);
    const trust = await follow();
    const dial = async () => {
      const socket = connect({ host: '127.0.0.1', port, ...trustOptions(trust) });
      try {
        await once(socket, 'secureConnect');
        return 'trusted';
      } catch (error) {
        return (error as { code?: string }).code;
      } finally {
        socket.destroy();
      }
    };
    expect(await dial()).toMatch(/UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/);

    const changed = new Promise((resolve) => trust.onChange(resolve));
    await publish(2, old.certificate + next.certificate);
    await changed;

    expect(await dial()).toBe('trusted');
    await trust.close();
    server.close();
  });

  it.each([
    ['nothing', ''],
    ['no certificate', 'hello'],
    ['a damaged certificate', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'],
  ])('stay as they were when the file holds %s', async (_what, text) => {
    const { certificate } = await TestAuthority.make();
    await writeFile(file(), certificate);
    const trust = await follow();

    await writeFile(file(), text);
    await trust.look();

    expect(trust.current).toBe(certificate);
    await trust.close();
  });

  it('must be there at the start', async () => {
    await expect(follow()).rejects.toMatchObject({ code: 'ENOENT' });
    await writeFile(file(), 'not a certificate');
    await expect(follow()).rejects.toMatchObject({ code: 'malformed_value' });
  });

  it('are the system’s where none are given', () => {
    expect(trustOptions(undefined)).toEqual({});
  });
});
