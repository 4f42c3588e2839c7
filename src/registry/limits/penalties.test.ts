import { describe, expect, it } from 'vitest';
import { parseEnvironmentId } from '../../wire/index.ts';
import { Penalties } from './penalties.ts';

const DEMO = parseEnvironmentId('default_demo');

describe('Penalties', () => {
  it('end by themselves, five minutes after the relay spoke at the latest', () => {
    const penalties = new Penalties();
    penalties.impose('a', DEMO, 1_000_000, 100);
    expect(penalties.left('a', DEMO, 399)).toBe(1);
    expect(penalties.left('a', DEMO, 400)).toBeUndefined();
  });

  it('never outgrow their limit, however many identities a relay makes up, and those that stand stay', () => {
    const penalties = new Penalties();
    for (let n = 0; n < 20_100; n += 1) penalties.impose(`identity-${n}`, DEMO, 160, 100);
    expect(penalties.size).toBe(20_000);
    expect(penalties.left('identity-0', DEMO, 100)).toBe(60);
    penalties.impose('late', DEMO, 260, 161);
    expect([penalties.size, penalties.left('late', DEMO, 161)]).toEqual([1, 99]);
  });
});
