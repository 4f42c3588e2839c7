import { beforeEach, describe, expect, it } from 'vitest';
import { decodeKeyFile, encodeKeyFile, generateKeypair, keyFingerprint } from '../../noise/index.ts';
import type { KeyHolder, KeyStore } from '../key-store.ts';

/** A store of a kind, empty, and hands to do to it what is not ours to do. */
interface StoreUnderTest {
  readonly store: KeyStore;
  /** The same place, opened by another process. */
  readonly other: KeyStore;
  /** Puts these bytes in the place of a key. */
  readonly damage: (holder: KeyHolder, id: string, bytes: Uint8Array) => Promise<void>;
  readonly close?: () => Promise<void> | void;
}

export interface StoreKind {
  readonly name: string;
  readonly open: () => Promise<StoreUnderTest>;
  readonly takesNotes: boolean;
  readonly retains: boolean;
}

const build: KeyHolder = { namespace: 'team-a', name: 'build', uid: 'uid-1' };

/** What every store of keys does: the state machine counts on each of these. */
export function keyStoreConformance(kind: StoreKind): void {
  describe(`keys in ${kind.name}`, () => {
    let opened: StoreUnderTest;
    const place = () => opened;

    beforeEach(async () => {
      opened = await kind.open();
      return opened.close;
    });

    describeMaking(place);
    describePutting(place);
    describeEnd(place, kind);
  });
}

function describeMaking(place: () => StoreUnderTest): void {
  it('are none at first', async () => {
    expect(await place().store.list(build)).toEqual([]);
    await expect(place().store.read(build, 'k1')).rejects.toMatchObject({ code: 'not_found' });
  });

  it('are made once: who asks again gets the same key', async () => {
    const made = await place().store.create(build, 'k1');
    expect(await place().other.create(build, 'k1')).toEqual(made);
    expect(await place().other.list(build)).toMatchObject([made]);
  });

  it('are one key when many ask at the same time', async () => {
    const makers = [place().store, place().other, place().store, place().other];
    const made = await Promise.all(makers.map((store) => store.create(build, 'k1')));
    expect(new Set(made.map(({ fingerprint }) => fingerprint)).size).toBe(1);
    expect(await fingerprintOf(place().store, 'k1')).toBe(made[0]?.fingerprint);
  });

  it('stand beside each other, by number, each executor’s for itself', async () => {
    const tenth = await place().store.create(build, 'k10');
    const second = await place().store.create(build, 'k2');
    const elsewhere = await place().store.create({ ...build, name: 'build-2', uid: 'uid-2' }, 'k3');
    expect(await place().store.list(build)).toMatchObject([second, tenth]);
    expect(await place().store.list({ ...build, name: 'build-2', uid: 'uid-2' })).toMatchObject([elsewhere]);
  });

  it('are read as the file that the sidecar reads', async () => {
    const { fingerprint } = await place().store.create(build, 'k1');
    expect(await fingerprintOf(place().other, 'k1')).toBe(fingerprint);
  });
}

function describePutting(place: () => StoreUnderTest): void {
  it('are taken from another place, once', async () => {
    const file = encodeKeyFile(generateKeypair());
    await place().store.put(build, 'k1', file);
    await place().other.put(build, 'k1', file);
    const fingerprint = keyFingerprint(decodeKeyFile(file).publicKey);
    expect(await place().store.list(build)).toMatchObject([{ id: 'k1', fingerprint }]);
    expect(await place().store.create(build, 'k1')).toMatchObject({ fingerprint });
  });

  it('are never overwritten', async () => {
    const made = await place().store.create(build, 'k1');
    await expect(place().store.put(build, 'k1', encodeKeyFile(generateKeypair()))).rejects.toMatchObject({
      code: 'conflict',
    });
    expect(await fingerprintOf(place().store, 'k1')).toBe(made.fingerprint);
  });

  it('are nothing that is no key', async () => {
    await expect(place().store.put(build, 'k1', Buffer.from('c2VjcmV0'))).rejects.toMatchObject({ code: 'malformed' });
    expect(await place().store.list(build)).toEqual([]);
  });
}

function describeEnd(place: () => StoreUnderTest, { takesNotes, retains }: StoreKind): void {
  it('are gone when they are destroyed, and destroying them again is nothing', async () => {
    const kept = await place().store.create(build, 'k1');
    await place().store.create(build, 'k2');
    await place().store.destroy(build, 'k2', 'Destroy');
    await place().other.destroy(build, 'k2', 'Destroy');
    await place().other.destroy(build, 'k3', 'Destroy');
    expect(await place().store.list(build)).toMatchObject([kept]);
    await expect(place().store.read(build, 'k2')).rejects.toMatchObject({ code: 'not_found' });
  });

  it(
    retains ? 'are kept, and marked, when they are retained' : 'are destroyed where nothing can be retained',
    async () => {
      const made = await place().store.create(build, 'k1');
      await place().store.destroy(build, 'k1', 'Retain');
      await place().store.destroy(build, 'k1', 'Retain');
      const kept = [{ ...made, note: { state: 'Retained' } }];
      expect(await place().other.list(build)).toEqual(retains ? kept : []);
      if (retains) expect(await fingerprintOf(place().store, 'k1')).toBe(made.fingerprint);
    },
  );

  it(takesNotes ? 'carry what is noted of them' : 'carry no notes', async () => {
    const made = await place().store.create(build, 'k1');
    const note = { state: 'Retiring', retirementTime: '2026-12-01T00:00:00Z' };
    await place().store.note(build, 'k1', note);
    await place().store.note(build, 'k2', note);
    expect(await place().other.list(build)).toEqual([takesNotes ? { ...made, note } : made]);
  });

  it('are left alone when somebody damaged them, and no error repeats what was there', async () => {
    await place().store.create(build, 'k1');
    await place().damage(build, 'k1', Buffer.from('{"x25519PrivateKey":"c2VjcmV0"}'));
    const { store } = place();
    for (const call of [() => store.create(build, 'k1'), () => store.read(build, 'k1')]) {
      const error: unknown = await call().catch((caught: unknown) => caught);
      expect(error).toMatchObject({ code: 'malformed' });
      expect(inspected(error)).not.toContain('c2VjcmV0');
    }
    await expect(place().store.put(build, 'k1', encodeKeyFile(generateKeypair()))).rejects.toThrow();
  });
}

async function fingerprintOf(store: KeyStore, id: string): Promise<string> {
  return keyFingerprint(decodeKeyFile(await store.read(build, id)).publicKey);
}

/** An error with its causes, as a log would print it. */
function inspected(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return [error.stack, JSON.stringify(error), inspected(error.cause)].join('\n');
}
