import { beforeEach, describe, expect, it } from 'vitest';
import { generateKeypair } from '../../noise/index.ts';
import { ManualClock, settle } from '../../telemetry/testing/manual-clock.ts';
import { parseKeyId } from '../../wire/index.ts';
import { RecordedLog } from '../testing/recorded-log.ts';
import { DepartedKeys, type DepartedKeysOptions } from './departed-keys.ts';
import { ExecutorKey } from './executor-key.ts';

describe('a key that was let go', () => {
  let clock: ManualClock;
  let log: RecordedLog;
  let gone: number;

  beforeEach(() => {
    clock = new ManualClock();
    log = new RecordedLog();
    gone = 0;
  });

  const open = (more: Partial<DepartedKeysOptions> = {}) =>
    new DepartedKeys({ clock, logger: log.logger, onGone: () => gone++, ...more });
  const aKey = () => new ExecutorKey(parseKeyId('k1'), generateKeypair());

  it('has no private half any more, and is in memory until it was collected', async () => {
    const departed = open();
    const key = aKey();
    departed.add(key);
    expect([key.keypair, departed.fingerprints]).toEqual([undefined, [key.fingerprint]]);
    clock.advance(1_000);
    await expect.poll(() => gone).toBe(1);
    expect(departed.fingerprints).toEqual([]);
    expect(log.lines('key out of memory')).toMatchObject([{ fingerprint: key.fingerprint }]);
  });

  it('is in memory while a handshake has it, and is looked for again', async () => {
    const departed = open();
    const key = aKey();
    const used = key.keypair;
    departed.add(key);
    let looks = clock.armed;
    expect(looks).toBe(1);
    clock.advance(1_000);
    await expect.poll(() => clock.armed).toBe(1);
    looks = clock.armed;
    expect([looks, gone, departed.fingerprints, used?.publicKey]).toEqual([1, 0, [key.fingerprint], key.publicKey]);
  });

  it('is not said to be out of memory when it could not be collected', async () => {
    let tries = 0;
    const collect = () => Promise.reject(new Error(`no. ${++tries}`));
    const departed = open({ collect });
    const key = aKey();
    const used = key.keypair;
    departed.add(key);
    for (let look = 0; look < 30; look++) {
      clock.advance(5_000);
      await settle();
    }
    expect([tries, departed.fingerprints, used?.publicKey]).toEqual([24, [key.fingerprint], key.publicKey]);
    expect(log.lines('memory could not be collected')).toHaveLength(24);
  });

  it('is not collected for when it was let go before, nor after the end', async () => {
    let tries = 0;
    const departed = open({ collect: async () => void tries++ });
    const key = aKey();
    key.letGo();
    departed.add(key);
    expect(clock.armed).toBe(0);
    departed.add(aKey());
    departed.close();
    clock.advance(60_000);
    await settle();
    expect(tries).toBe(0);
  });
});
