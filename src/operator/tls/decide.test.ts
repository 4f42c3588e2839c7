import { describe, expect, it } from 'vitest';
import { decideTls, type ObservedTls } from './decide.ts';

const TIMES = { authorityLifeMs: 9000, leafLifeMs: 900, announceMs: 100 };
const NOW = 1_000_000;
const HOSTS = { relay: ['relay.agents.svc'] };

const authority = (serial: string, issuedAt: number, announcedAt: number | undefined = issuedAt) => ({
  serial,
  issuedAt,
  announcedAt,
  expiresAt: issuedAt + TIMES.authorityLifeMs,
  hosts: [],
  fingerprint: serial,
});
const leaf = (signedBy: string, issuedAt: number, expiresAt = issuedAt + TIMES.leafLifeMs) => ({
  serial: 'leaf',
  issuedAt,
  expiresAt,
  hosts: HOSTS.relay,
  fingerprint: 'leaf',
  signedBy,
});
const decide = (observed: Partial<ObservedTls>, now = NOW) =>
  decideTls({ authorities: [], leaves: {}, hosts: HOSTS, ...observed }, TIMES, now);

describe('generated TLS', () => {
  it('starts with an authority that signs at once', () => {
    expect(decide({})).toMatchObject({
      addAuthority: true,
      signer: undefined,
      issue: [{ part: 'relay', reason: 'Missing' }],
    });
  });

  it('does nothing while everything is young', () => {
    const observed = { authorities: [authority('a', NOW - 10)], leaves: { relay: leaf('a', NOW - 10) } };
    expect(decide(observed)).toMatchObject({ addAuthority: false, dropAuthorities: [], signer: 'a', issue: [] });
  });

  it('renews a leaf when a third of its life is left', () => {
    const authorities = [authority('a', NOW - 1000)];
    expect(decide({ authorities, leaves: { relay: leaf('a', NOW - 599) } }).issue).toEqual([]);
    expect(decide({ authorities, leaves: { relay: leaf('a', NOW - 600) } }).issue).toEqual([
      { part: 'relay', reason: 'Renewed' },
    ]);
  });

  it('issues a leaf anew when the host names differ, in whatever order they are', () => {
    const authorities = [authority('a', NOW)];
    const two = { ...leaf('a', NOW), hosts: ['y', 'x'] };
    expect(decide({ authorities, leaves: { relay: two }, hosts: { relay: ['x', 'y'] } }).issue).toEqual([]);
    expect(decide({ authorities, leaves: { relay: two }, hosts: { relay: ['x'] } }).issue).toEqual([
      { part: 'relay', reason: 'HostsChanged' },
    ]);
  });

  it('announces a new authority before it signs', () => {
    const old = authority('old', NOW - 6000);
    const leaves = { relay: leaf('old', NOW) };
    expect(decide({ authorities: [old], leaves }).addAuthority).toBe(true);
    const both = [authority('new', NOW - 99), old];
    expect(decide({ authorities: both, leaves })).toMatchObject({ addAuthority: false, signer: 'old', issue: [] });
    expect(decide({ authorities: both, leaves }, NOW + 1)).toMatchObject({
      signer: 'new',
      issue: [{ part: 'relay', reason: 'AuthorityChanged' }],
    });
  });

  it('counts from when the bundle has it, not from when it was made', () => {
    const old = authority('old', NOW - 6000);
    const leaves = { relay: leaf('old', NOW) };
    const made = { ...authority('new', NOW - 1000), announcedAt: undefined };
    expect(decide({ authorities: [old, made], leaves })).toMatchObject({ signer: 'old', issue: [] });
    const late = authority('new', NOW - 1000, NOW - 99);
    expect(decide({ authorities: [old, late], leaves }).signer).toBe('old');
    expect(decide({ authorities: [old, late], leaves }, NOW + 1).signer).toBe('new');
  });

  it('goes on with an authority that signs already, also when nobody knows since when it is announced', () => {
    const unknown = { announcedAt: undefined };
    const authorities = [
      { ...authority('old', NOW - 6000), ...unknown },
      { ...authority('new', NOW - 50), ...unknown },
    ];
    expect(decide({ authorities, leaves: { relay: leaf('new', NOW) } })).toMatchObject({ signer: 'new', issue: [] });
  });

  it('keeps an authority in the bundle until its last leaf was replaced, and for an announcement longer', () => {
    const authorities = [authority('old', NOW - 6300), authority('new', NOW - 200)];
    const dropped = (signedBy: string, now: number) =>
      decide({ authorities, leaves: { relay: leaf(signedBy, NOW - 100) } }, now).dropAuthorities;
    expect(dropped('new', NOW - 1)).toEqual([]);
    expect(dropped('old', NOW)).toEqual([]);
    expect(dropped('new', NOW)).toEqual(['old']);
  });

  it('drops one that has expired whatever it signed', () => {
    const authorities = [authority('old', NOW - 9000), authority('new', NOW - 3000)];
    expect(decide({ authorities, leaves: { relay: leaf('old', NOW - 10) } })).toMatchObject({
      dropAuthorities: ['old'],
      signer: 'new',
    });
  });

  it('never drops the only one that is known', () => {
    const authorities = [authority('old', NOW - 6300), { ...authority('new', NOW - 200), announcedAt: undefined }];
    expect(decide({ authorities, leaves: { relay: leaf('old', NOW) } })).toMatchObject({
      dropAuthorities: [],
      signer: 'old',
    });
  });

  it('does not issue again and again what its authority cuts short', () => {
    const old = authority('old', NOW - 8900);
    const cut = leaf('old', NOW - 90, old.expiresAt);
    expect(decide({ authorities: [old, authority('new', NOW - 50)], leaves: { relay: cut } }).issue).toEqual([]);
  });

  it('names the next moment at which something changes', () => {
    const observed = { authorities: [authority('a', NOW - 10)], leaves: { relay: leaf('a', NOW - 10) } };
    expect(decide(observed).nextTime).toBe(NOW + 90);
    expect(decide(observed, NOW + 90).nextTime).toBe(NOW + 190);
    expect(decide(observed, NOW + 190).nextTime).toBe(NOW - 10 + 600);
  });
});
