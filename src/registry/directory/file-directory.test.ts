import { mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger, createMetrics, type Metrics } from '../../telemetry/index.ts';
import { ManualClock } from '../../telemetry/testing/manual-clock.ts';
import { parseEnvironmentId } from '../../wire/index.ts';
import { sha256 } from '../testing/fixture.ts';
import type { DirectoryChange } from './directory.ts';
import { FileDirectory } from './file-directory.ts';
import type { DirectoryFile } from './file-format.ts';
import { POLL_MS } from './file-source.ts';

const ENV = parseEnvironmentId('default_demo');
const FINGERPRINT = `SHA256:${'f'.repeat(43)}`;

describe('FileDirectory', () => {
  let folder: string;
  let clock: ManualClock;
  let metrics: Metrics;
  let directory: FileDirectory;
  let changes: DirectoryChange[];

  const path = () => join(folder, 'directory.json');

  function file(edit: (it: DirectoryFile) => void = () => {}): DirectoryFile {
    const it: DirectoryFile = {
      version: 1,
      environments: [
        {
          id: ENV,
          runtime: 'BuiltIn',
          incarnation: 'uid-1',
          executorTokenSha256: [sha256('executor-1')],
          keys: [{ id: 'k1', fingerprint: FINGERPRINT, state: 'Active' }],
        },
      ],
      identities: [{ name: 'alice', tokens: [{ sha256: sha256('alice-1'), expirationTime: inSeconds(60) }] }],
      grants: [{ name: 'g', identities: ['alice'], environments: [ENV] }],
    };
    edit(it);
    return it;
  }

  function inSeconds(seconds: number): string {
    return new Date(clock.now() + seconds * 1000).toISOString();
  }

  async function write(content: DirectoryFile | string): Promise<void> {
    await writeFile(`${path()}.tmp`, typeof content === 'string' ? content : JSON.stringify(content));
    await rename(`${path()}.tmp`, path());
  }

  async function rewrite(content: DirectoryFile | string): Promise<void> {
    await write(content);
    await directory.reload();
  }

  async function open(): Promise<void> {
    const logger = createLogger({ component: 'registry', level: 'silent' });
    directory = await FileDirectory.open({ path: path(), clock, logger, metrics });
    directory.subscribe((news) => changes.push(...news));
  }

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'noisefleet-directory-'));
    clock = new ManualClock();
    metrics = createMetrics({ component: 'registry', version: 'test' });
    changes = [];
  });
  afterEach(async () => {
    await directory.close();
    await rm(folder, { recursive: true });
  });

  it('is not synced without a good file, cannot tell who anybody is then, and becomes so when it is mended', async () => {
    await open();
    expect(directory.synced()).toBe(false);
    expect(await directory.authenticateClient('alice-1')).toEqual({ outcome: 'unavailable' });
    expect(await directory.authenticateExecutor('executor-1')).toEqual({ outcome: 'unavailable' });
    await rewrite(file());
    expect(directory.synced()).toBe(true);
    expect(await directory.authenticateClient('alice-1')).toEqual({ outcome: 'proven', identity: 'alice' });
  });

  it('keeps the last good version in force when the file goes bad or away, and says so in its metrics', async () => {
    await write(file());
    await open();
    await rewrite('{');
    expect(directory.grantFor('alice', ENV)).toBe('g');
    expect(await metrics.text()).toMatch(/noisefleet_directory_good 0\n/);
    await rm(path());
    await directory.reload();
    expect(directory.environment(ENV)?.keys).toHaveLength(1);
    await rewrite(file((it) => it.grants.pop()));
    expect(directory.grantFor('alice', ENV)).toBeUndefined();
    expect(await metrics.text()).toMatch(/noisefleet_directory_good 1\n/);
  });

  it('sees a change by polling where the file system does not tell: the file is a link into a folder that is swapped', async () => {
    const elsewhere = await mkdtemp(join(tmpdir(), 'noisefleet-directory-'));
    const real = join(elsewhere, 'real.json');
    await writeFile(real, JSON.stringify(file()));
    await symlink(real, path());
    await open();
    await writeFile(real, JSON.stringify(file((it) => it.grants.pop())));
    while (directory.grantFor('alice', ENV) !== undefined) {
      clock.advance(POLL_MS);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await rm(elsewhere, { recursive: true });
  });

  it('tells an expired token from one that was withdrawn, also after both left the file', async () => {
    await write(file());
    await open();
    await rewrite(file((it) => it.identities.pop()));
    expect(await directory.authenticateClient('alice-1')).toEqual({ outcome: 'unknown' });
    clock.advance(60_000);
    expect(await directory.authenticateClient('alice-1')).toEqual({ outcome: 'expired' });
    expect(await directory.authenticateClient('alice-2')).toEqual({ outcome: 'unknown' });
  });

  it('proves with the token of a replaced pod that it is that pod', async () => {
    await write(file());
    await open();
    await rewrite(
      file((it) => Object.assign(it.environments[0] ?? {}, { incarnation: 'uid-2', executorTokenSha256: [] })),
    );
    expect(await directory.authenticateExecutor('executor-1')).toMatchObject({
      outcome: 'proven',
      incarnation: 'uid-1',
    });
    expect(directory.environment(ENV)?.fence).toEqual({ current: 'uid-2', former: ['uid-1'] });
    expect(changes).toContainEqual({ type: 'fence_moved', environmentId: ENV, former: 'uid-1' });
  });

  it('remembers a key that left the list as destroyed, and a revoked one as revoked', async () => {
    await write(file());
    await open();
    await rewrite(file((it) => it.environments[0]?.keys.pop()));
    expect(directory.environment(ENV)?.keys).toMatchObject([{ id: 'k1', state: 'Destroyed' }]);
    expect(changes).toContainEqual({ type: 'keys_changed', environmentId: ENV });
    await rewrite(file((it) => Object.assign(it.environments[0]?.keys[0] ?? {}, { state: 'Revoked' })));
    expect(changes).toContainEqual({ type: 'key_revoked', environmentId: ENV, fingerprint: FINGERPRINT });
    await rewrite(file((it) => it.environments[0]?.keys.pop()));
    expect(directory.environment(ENV)?.keys).toMatchObject([{ state: 'Revoked' }]);
  });

  it('ends access when the last grant expires, not when one of two does', async () => {
    await write(
      file((it) => {
        it.grants = [10, 20].map((seconds) => ({
          name: `g${seconds}`,
          identities: ['alice'],
          environments: [ENV],
          expirationTime: inSeconds(seconds),
        }));
      }),
    );
    await open();
    clock.advance(10_000);
    expect([directory.grantFor('alice', ENV), changes]).toEqual(['g20', []]);
    clock.advance(10_000);
    expect(changes).toEqual([{ type: 'access_ended', environmentId: ENV, identity: 'alice' }]);
  });

  it('tells a new listener what already stands: expired access and revoked keys', async () => {
    await write(
      file((it) => {
        Object.assign(it.grants[0] ?? {}, { expirationTime: inSeconds(-1) });
        Object.assign(it.environments[0]?.keys[0] ?? {}, { state: 'Revoked' });
      }),
    );
    await open();
    expect(changes.map((change) => change.type).sort()).toEqual(['access_ended', 'key_revoked']);
  });

  it('arms no timer over an hour', async () => {
    await write(file((it) => Object.assign(it.grants[0] ?? {}, { expirationTime: inSeconds(90 * 86_400) })));
    await open();
    for (let day = 0; day < 91; day++) clock.advance(86_400_000);
    expect(changes).toEqual([{ type: 'access_ended', environmentId: ENV, identity: 'alice' }]);
  });
});
