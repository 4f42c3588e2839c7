import { copyFileSync, rmSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { fingerprintOf } from '../../src/wire/index.ts';
import { eventually, Plane } from './plane.ts';

let plane: Plane;
afterEach(() => plane.close());

const lines = (message: string, key: string) =>
  plane.log.lines('executor', message).filter(({ key: id }) => id === key);

async function served(): Promise<string | undefined> {
  const harness = await plane.harness();
  const { fingerprint } = harness.diagnostics;
  await harness.close();
  return fingerprint;
}

describe('a copy of a key', () => {
  it.each<[string, string, () => void]>([
    ['retired', 'its own name', () => plane.removeKey('k1')],
    ['retired', 'another name', () => plane.removeKey('k1')],
    ['revoked', 'its own name', () => revoke()],
    ['revoked', 'another name', () => revoke()],
  ])('that was %s registers nowhere under %s, and no harness is sent to it', async (_, name, end) => {
    plane = await Plane.start();
    copyFileSync(plane.path('keys', 'k1.json'), plane.path('copy.json'));
    plane.addKey('k2');
    const k2 = fingerprintOf(plane.key('k2').publicKey);
    await eventually(async () => (await served()) === k2);
    end();
    await plane.executor?.close();

    const id = name === 'its own name' ? 'k1' : 'k7';
    copyFileSync(plane.path('copy.json'), plane.path('keys', `${id}.json`));
    const before = lines('registered', id).length;
    await plane.startExecutor();
    const [refused] = await eventually(() => {
      const found = lines('key not taken by the registry', id);
      return found.length > 0 && found;
    });
    expect(refused).toMatchObject({ code: 'key_not_current' });
    await eventually(() => lines('registered', 'k2').length === 2);
    for (let n = 0; n < 5; n++) expect(await served()).toBe(k2);
    expect(lines('registered', id)).toHaveLength(before);
  });
});

function revoke(): void {
  plane.setKeyState('k1', 'Revoked');
  rmSync(plane.path('keys', 'k1.json'));
}
