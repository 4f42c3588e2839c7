import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { observedAddress } from './observed-address.ts';

const port = fc.integer({ min: 1, max: 65_535 });

describe('the address of a relay', () => {
  it('is the peer of its connection, as an URL writes it', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), port, (ip, number) => {
        const address = observedAddress(ip, number);
        const { hostname, port: found } = new URL(`tcp://${address}`);
        expect(found).toBe(String(number));
        expect(hostname.startsWith('[')).toBe(ip.includes(':'));
      }),
    );
  });

  it('is the plain one of a peer that a dual-stack listener shows mapped', () => {
    fc.assert(
      fc.property(fc.ipV4(), port, (ip, number) => {
        expect(observedAddress(`::ffff:${ip}`, number)).toBe(`${ip}:${number}`);
      }),
    );
  });

  it('is nothing that is no address, nor a name', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.domain(), fc.string({ unit: fc.constantFrom('g', ' ', '/', '@', '%', '0', ':') })),
        (text) => {
          const address = observedAddress(text, 7001);
          if (address !== undefined) expect(address).toMatch(/^\[[0:]+\]:7001$/);
        },
      ),
    );
    expect(observedAddress(undefined, 7001)).toBeUndefined();
  });
});
