import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DirectoryKeyStore, type KeyHolder, type KeyStore, type KeysRecord } from '../../keys/index.ts';
import { createKeyFile, keyFingerprint } from '../../noise/index.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { ExecutorKeys, type KeysRound, type KeysSeen } from './executor-keys.ts';

const MINUTE = 60_000;
const START = Date.parse('2026-11-30T12:00:00Z');
const holder: KeyHolder = { namespace: 'default', name: 'demo', uid: 'default_demo' };

/** A process that ends in the middle of what it does. */
class Crash extends Error {}

/** One executor's folder, and a `dev` that is started again when it dies. Its sidecar serves what lies in the folder and is accepted. */
class Machine {
  readonly keys: string;
  readonly layout: { readonly statusFile: string; readonly rotationFile: string };
  readonly notes: string[] = [];
  now = START;
  overlap = MINUTE;
  rotation: KeysSeen['rotation'];
  revocation: KeysSeen['revocation'];
  /** Called before and after each call of the store: also right before and after each write of the record, which lies between two of them. */
  onMoment: () => void = () => {};
  #dev: ExecutorKeys | undefined;

  constructor() {
    const root = temporaryFolder();
    this.keys = join(root, 'keys');
    this.layout = { statusFile: join(root, 'status.json'), rotationFile: join(root, 'rotation.json') };
    mkdirSync(this.keys, { mode: 0o700 });
  }

  get files(): string[] {
    return readdirSync(this.keys).sort();
  }

  get record(): KeysRecord {
    if (this.#dev === undefined) throw new Error('not started yet');
    return this.#dev.record;
  }

  get states(): string[] {
    return this.record.keys.map(({ id, state }) => `${id} ${state}`);
  }

  request(value: string): void {
    this.rotation = { value, trigger: 'Annotation', proven: false };
  }

  fileOf(id: string): string {
    return join(this.keys, `${id}.json`);
  }

  restart(): void {
    this.#dev = undefined;
  }

  async round(): Promise<KeysRound> {
    const { rotation, revocation, now } = this;
    this.#dev ??= await this.#open();
    const policy = {
      period: 90 * 24 * 60 * MINUTE,
      overlap: this.overlap,
      windows: [],
      deletionPolicy: 'Destroy',
    } as const;
    const round = await this.#dev.round({ policy, rotation, revocation, heard: this.#heard(this.#dev.record), now });
    this.notes.push(...round.notes);
    return round;
  }

  /** Rounds for a while; whoever dies is started again. */
  async run(duration: number): Promise<void> {
    const end = this.now + duration;
    for (; this.now < end; this.now += 1_000) {
      try {
        await this.round();
      } catch (error) {
        if (!(error instanceof Crash)) throw error;
        this.restart();
      }
    }
  }

  #open(): Promise<ExecutorKeys> {
    const store = faulty(new DirectoryKeyStore(() => this.keys), () => this.onMoment());
    return ExecutorKeys.open({ holder, store, layout: this.layout, recorded: () => {} }, this.now);
  }

  #heard({ keys }: KeysRecord): KeysSeen['heard'] {
    const served = keys.filter(({ id, state }) => state !== 'Revoked' && existsSync(this.fileOf(id)));
    const revoked = keys.filter(({ state }) => state === 'Revoked');
    return {
      known: true,
      present: new Set(served.flatMap(({ fingerprint }) => fingerprint ?? [])),
      live: new Set(),
      acknowledged: new Map(revoked.map(({ fingerprint = '' }) => [fingerprint, new Set(['registry', 'sidecar'])])),
      registries: ['registry'],
      sidecars: ['sidecar'],
      relays: [],
      loaded: new Set(served.flatMap(({ fingerprint }) => fingerprint ?? [])),
    };
  }
}

function faulty(store: KeyStore, moment: () => void): KeyStore {
  const around = async <Result>(call: () => Promise<Result>): Promise<Result> => {
    moment();
    const result = await call();
    moment();
    return result;
  };
  return {
    list: (of) => around(() => store.list(of)),
    create: (of, id) => around(() => store.create(of, id)),
    read: (of, id) => around(() => store.read(of, id)),
    put: (of, id, keyFile) => around(() => store.put(of, id, keyFile)),
    note: (of, id, note) => around(() => store.note(of, id, note)),
    destroy: (of, id, policy) => around(() => store.destroy(of, id, policy)),
  };
}

describe('the keys of one executor of dev', () => {
  it('begin with k1, private, which stays over restarts', async () => {
    const machine = new Machine();
    await machine.run(3_000);
    expect(machine.states).toEqual(['k1 Active']);
    expect(statSync(machine.fileOf('k1')).mode & 0o777).toBe(0o600);
    const { record } = machine;
    machine.restart();
    await machine.run(3_000);
    expect(machine.record).toEqual(record);
  });

  it('rotate for a new annotation, and the old one goes after the overlap', async () => {
    const machine = new Machine();
    machine.request('came with the manifest');
    await machine.run(3_000);
    machine.request('now');
    await machine.run(3_000);
    expect(machine.states).toEqual(['k1 Retiring', 'k2 Active']);
    machine.restart();
    await machine.run(MINUTE);
    expect(machine.states).toEqual(['k1 Destroyed', 'k2 Active']);
    expect(machine.files).toEqual(['k2.json']);
    expect(machine.notes).toContain('Key k2 serves new connections in place of k1.');
  });

  it('are refused and made anew when one is revoked', async () => {
    const machine = new Machine();
    await machine.run(3_000);
    machine.revocation = { keyId: 'k1', proven: false, reason: 'it leaked' };
    await machine.run(3_000);
    expect(machine.states).toEqual(['k1 Revoked', 'k2 Active']);
    expect(machine.files).toEqual(['k2.json']);
  });

  it('take up a file that somebody puts beside them, and refuse for good one that is taken away', async () => {
    const machine = new Machine();
    await machine.run(3_000);
    const { publicKey } = createKeyFile(machine.fileOf('k5'));
    await machine.run(3_000);
    expect(machine.states).toEqual(['k1 Retiring', 'k5 Active']);
    expect(machine.record.keys.at(-1)?.fingerprint).toBe(keyFingerprint(publicKey));
    rmSync(machine.fileOf('k1'));
    await machine.run(3_000);
    expect(machine.states).toEqual(['k1 Revoked', 'k5 Active']);
  });

  it('do not use a file that others can read, and name it', async () => {
    const machine = new Machine();
    await machine.run(3_000);
    createKeyFile(machine.fileOf('k2'));
    chmodSync(machine.fileOf('k2'), 0o644);
    writeFileSync(join(machine.keys, 'notes.txt'), 'not a key');
    const { problems } = await machine.round();
    expect(problems).toEqual([expect.stringContaining('k2.json')]);
    expect(machine.states).toEqual(['k1 Active']);
    chmodSync(machine.fileOf('k2'), 0o600);
    await machine.run(3_000);
    expect(machine.states).toEqual(['k1 Retiring', 'k2 Active']);
  });

  it('wait with a fourth, and say why', async () => {
    const machine = new Machine();
    for (const value of ['', 'b', 'c', 'd']) {
      if (value !== '') machine.request(value);
      await machine.run(3_000);
    }
    expect((await machine.round()).problems).toEqual([expect.stringMatching(/^OverlapFull: Three keys are live/)]);
    await machine.run(MINUTE);
    expect(machine.states.at(-1)).toBe('k4 Active');
  });

  it('come to their end wherever dev is killed: first key, rotation, retirement and revocation', async () => {
    const runAll = async (onMoment: (number: number) => void) => {
      const machine = new Machine();
      let moments = 0;
      machine.overlap = 2_000;
      machine.onMoment = () => onMoment(moments++);
      await machine.run(4_000);
      machine.request('now');
      await machine.run(8_000);
      machine.revocation = { keyId: 'k2', proven: false };
      await machine.run(5_000);
      machine.onMoment = () => {};
      await machine.round();
      return { moments, states: machine.states, files: machine.files };
    };
    const { moments, ...end } = await runAll(() => {});
    expect(end).toEqual({ states: ['k1 Destroyed', 'k2 Revoked', 'k3 Active'], files: ['k3.json'] });
    expect(moments).toBeGreaterThan(60);
    for (let fatal = 0; fatal < moments; fatal++) {
      const { states, files } = await runAll((number) => {
        if (number === fatal) throw new Crash();
      });
      expect({ fatal, states, files }).toEqual({ fatal, ...end });
    }
  });

  it('of the release before are taken over: what served serves, what was to go goes at its time, numbers stay used', async () => {
    const machine = new Machine();
    for (const id of ['k2', 'k3']) createKeyFile(machine.fileOf(id));
    const [, newest] = ['k2', 'k3'].map((id) => readFileSync(machine.fileOf(id), 'utf8'));
    const removals = [{ id: 'k2', at: START + 10_000 }];
    const former = { version: 1, highest: 5, lastCreated: START - MINUTE, handled: ['b', 'a'], removals };
    writeFileSync(machine.layout.rotationFile, JSON.stringify(former));
    machine.request('b');
    await machine.run(3_000);
    expect(machine.states).toEqual(['k2 Retiring', 'k3 Active', 'k5 Destroyed']);
    expect(existsSync(machine.layout.rotationFile)).toBe(false);
    await machine.run(10_000);
    expect(machine.files).toEqual(['k3.json']);
    expect(readFileSync(machine.fileOf('k3'), 'utf8')).toBe(newest);
    machine.request('c');
    await machine.run(3_000);
    expect(machine.states.at(-1)).toBe('k6 Active');
  });

  it.each([
    ['before', false],
    ['after', true],
  ])(
    'of the release before that were being made are made, once, also when the end came %s the file',
    async (_, isThere) => {
      const machine = new Machine();
      createKeyFile(machine.fileOf('k1'));
      if (isThere) createKeyFile(machine.fileOf('k2'));
      const removals = [{ id: 'k1', at: START + MINUTE }];
      const former = { version: 1, highest: 2, lastCreated: START, handled: ['b'], removals, creating: 'k2' };
      writeFileSync(machine.layout.rotationFile, JSON.stringify(former));
      machine.request('b');
      await machine.run(5_000);
      expect(machine.states).toEqual(['k1 Retiring', 'k2 Active']);
    },
  );

  it.each(['statusFile', 'rotationFile'] as const)(
    'are not guessed when the %s says nothing that can be read',
    async (file) => {
      const machine = new Machine();
      writeFileSync(machine.layout[file], '{"keys":[{"id":1');
      await expect(machine.round()).rejects.toMatchObject({
        code: 'state_unreadable',
        message: expect.stringContaining(machine.layout[file]),
      });
    },
  );
});
