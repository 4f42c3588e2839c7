import { once } from 'node:events';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createLogger, systemClock } from '../../telemetry/index.ts';
import { TestAuthority } from '../testing/authority.ts';
import { followCertificates, renewCertificate } from './certificate-folder.ts';

const logger = createLogger({ component: 'test', level: 'silent' });

describe('certificates of a folder', () => {
  let folder: string;
  let authority: TestAuthority;

  beforeAll(async () => {
    authority = await TestAuthority.make();
  });

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'noisefleet-tls-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  async function write(name: 'tls.crt' | 'tls.key', text: string): Promise<void> {
    await writeFile(join(folder, `${name}.new`), text);
    await rename(join(folder, `${name}.new`), join(folder, name));
  }

  it('are served from the next connection on when they are renewed, and open connections go on', async () => {
    const first = await authority.issue({ serialNumber: '01' });
    await write('tls.crt', first.cert);
    await write('tls.key', first.key);
    const certificates = await followCertificates({ folder, clock: systemClock, logger });
    const server = createServer(certificates.current, (_request, response) => response.end('ok'));
    renewCertificate(server, certificates);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const dial = async (): Promise<TLSSocket> => {
      const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
      await once(socket, 'secureConnect');
      return socket;
    };

    const before = await dial();
    const second = await authority.issue({ serialNumber: '02' });
    const changed = new Promise((resolve) => certificates.onChange(resolve));
    await write('tls.crt', second.cert);
    // Between the two writes they do not belong together: the first pair stays.
    await certificates.look();
    expect(certificates.current).toEqual(first);
    await write('tls.key', second.key);
    await certificates.look();
    await changed;

    const after = await dial();
    expect(after.getPeerCertificate().serialNumber).toBe('02');
    expect(before.getPeerCertificate().serialNumber).toBe('01');
    before.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    const [answer] = await once(before, 'data');
    expect(String(answer)).toContain('200 OK');
    before.destroy();
    after.destroy();
    server.close();
    await certificates.close();
  });

  it('must be there, and match, before anything is served', async () => {
    const [one, other] = await Promise.all([authority.issue(), authority.issue()]);
    await expect(followCertificates({ folder, clock: systemClock, logger })).rejects.toThrow('ENOENT');
    await write('tls.crt', one.cert);
    await write('tls.key', other.key);
    await expect(followCertificates({ folder, clock: systemClock, logger })).rejects.toThrow(/key values mismatch/);
  });
});
