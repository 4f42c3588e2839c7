import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createKeyFile, keyFingerprint } from '../../noise/index.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { KeyRotation } from './key-rotation.ts';

function executor() {
  const root = temporaryFolder();
  const keys = join(root, 'keys');
  mkdirSync(keys, { mode: 0o700 });
  const stateFile = join(root, 'rotation.json');
  const at = (now: number, requested = 'a') => ({ requested, period: 3_600_000, overlap: 1000, now });
  return { keys, stateFile, at, open: () => new KeyRotation(keys, stateFile), files: () => readdirSync(keys).sort() };
}

const ids = (round: { keys: readonly { id: string }[] }) => round.keys.map(({ id }) => id);

describe('the keys of one executor', () => {
  it('makes k1 once, private, and keeps it over restarts', () => {
    const { open, at, keys } = executor();
    const first = open().round(at(1000));
    expect(ids(first)).toEqual(['k1']);
    expect(statSync(join(keys, 'k1.json')).mode & 0o777).toBe(0o600);
    const again = open().round(at(2000));
    expect(again.created).toBeUndefined();
    expect(again.keys).toEqual(first.keys);
  });

  it('rotates for a new annotation and gives up the old key after the overlap, restarts between them included', () => {
    const { open, at, files } = executor();
    open().round(at(1000));
    expect(ids(open().round(at(2000, 'b')))).toEqual(['k1', 'k2']);
    expect(ids(open().round(at(2999, 'b')))).toEqual(['k1', 'k2']);
    const last = open().round(at(3000, 'b'));
    expect(last.removed).toEqual(['k1']);
    expect(ids(last)).toEqual(['k2']);
    expect(files()).toEqual(['k2.json']);
  });

  it('takes a key file that somebody puts beside the old one, and lets one go that is taken away', () => {
    const { open, at, keys } = executor();
    const rotation = open();
    rotation.round(at(1000));
    const added = createKeyFile(join(keys, 'k2.json'));
    expect(rotation.round(at(1100)).keys.at(-1)).toEqual({ id: 'k2', fingerprint: keyFingerprint(added.publicKey) });
    rmSync(join(keys, 'k1.json'));
    expect(ids(rotation.round(at(1200)))).toEqual(['k2']);
  });

  it('names a key file that others can read, and does not use it', () => {
    const { open, at, keys } = executor();
    const rotation = open();
    rotation.round(at(1000));
    createKeyFile(join(keys, 'k2.json'));
    chmodSync(join(keys, 'k2.json'), 0o644);
    writeFileSync(join(keys, 'notes.txt'), 'not a key');
    const round = rotation.round(at(1100));
    expect(ids(round)).toEqual(['k1']);
    expect(round.problems).toEqual([expect.stringContaining('k2.json')]);
    chmodSync(join(keys, 'k2.json'), 0o600);
    expect(ids(rotation.round(at(1200)))).toEqual(['k1', 'k2']);
  });

  it('adopts a key that a crash left unrecorded, and does not make a second one', () => {
    const { open, at, keys, stateFile, files } = executor();
    open().round(at(1000));
    const state = JSON.parse(readFileSync(stateFile, 'utf8'));
    createKeyFile(join(keys, 'k2.json'));
    writeFileSync(stateFile, JSON.stringify({ ...state, highest: 2, handled: ['b', 'a'], creating: 'k2' }));
    expect(ids(open().round(at(2000, 'b')))).toEqual(['k1', 'k2']);
    expect(files()).toEqual(['k1.json', 'k2.json']);
  });

  it('stops at a state file that says nothing it can read, rather than guess', () => {
    const { open, stateFile } = executor();
    writeFileSync(stateFile, '{"version":1');
    expect(open).toThrow();
  });
});
