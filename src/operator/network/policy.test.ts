import { describe, expect, it } from 'vitest';
import type { Executor } from '../../api/index.ts';
import { metadataIn } from './metadata-addresses.ts';
import { executorPolicy } from './policy.ts';

/** The metadata services that IPv4 reaches. */
const EVERYWHERE = ['169.254.0.0/16', '168.63.129.16/32', '100.100.100.200/32', '192.0.0.192/32'];
const owner = { kind: 'Executor', name: 'build', namespace: 'team-a', uid: 'u' } as const;
const relay = { namespace: 'agents', name: 'main' };

const policyWith = (...egress: Executor['spec']['egress']) => executorPolicy({ owner, relay, egress }).spec;

describe('the network policy of an executor', () => {
  it('lets nothing in, and DNS, registry and relays of its own Relay out', () => {
    const spec = policyWith();
    expect(spec?.policyTypes).toEqual(['Ingress', 'Egress']);
    expect(spec?.ingress).toEqual([]);
    expect(spec?.podSelector).toEqual({ matchLabels: { 'noisefleet.dev/executor': 'build' } });
    const [dns, ...relays] = spec?.egress ?? [];
    expect(dns?.ports?.map(({ port }) => port)).toEqual([53, 53]);
    expect(relays.map(({ ports }) => ports?.[0]?.port)).toEqual([8443, 8444]);
    for (const { to } of relays) {
      expect(to?.[0]?.namespaceSelector?.matchLabels).toEqual({ 'kubernetes.io/metadata.name': 'agents' });
      expect(to?.[0]?.podSelector?.matchLabels).toMatchObject({ 'noisefleet.dev/relay': 'main' });
    }
  });

  it('never has a rule without peers, which would open everything', () => {
    const spec = policyWith({ name: 'metadata', to: { type: 'CIDR', cidr: { block: '169.254.169.254/32' } } });
    expect(spec?.egress).toHaveLength(3);
    for (const { to } of spec?.egress ?? []) expect(to?.length).toBeGreaterThan(0);
  });

  it('keeps the metadata services closed in a network that holds them', () => {
    const all = { type: 'CIDR', cidr: { block: '0.0.0.0/0', except: ['10.0.0.0/8'] } } as const;
    const rule = policyWith({ name: 'internet', to: { ...all, cidr: { ...all.cidr, except: ['10.0.0.0/8'] } } })
      ?.egress?.[3];
    expect(rule?.to?.[0]?.ipBlock?.except).toEqual(['10.0.0.0/8', ...EVERYWHERE]);
    expect(rule).not.toHaveProperty('ports');
  });

  it('names pods of its own namespace unless a namespace is selected', () => {
    const db = { podSelector: { matchLabels: { app: 'db' } } };
    const own = policyWith({ name: 'db', to: { type: 'Pods', pods: db }, ports: [{ protocol: 'TCP', port: 5432 }] });
    expect(own?.egress?.[3]).toEqual({ to: [db], ports: [{ protocol: 'TCP', port: 5432 }] });
    const all = policyWith({ name: 'db', to: { type: 'Pods', pods: { namespaceSelector: {} } } });
    expect(all?.egress?.[3]).toEqual({ to: [{ podSelector: {}, namespaceSelector: {} }] });
  });

  it.each([
    ['0.0.0.0/0', EVERYWHERE],
    ['100.64.0.0/10', ['100.100.100.200/32']],
    ['168.63.129.16/32', 'all'],
    ['169.0.0.0/8', ['169.254.0.0/16']],
    ['10.0.0.0/8', []],
    ['169.254.0.0/16', 'all'],
    ['169.254.169.254/32', 'all'],
    ['::/0', ['fe80::/10', 'fd00:ec2::254/128', 'fd00:ec2::23/128', 'fd20:ce::254/128']],
    ['fd00::/16', ['fd00:ec2::254/128', 'fd00:ec2::23/128']],
    ['fd00:ec2::254/128', 'all'],
    ['fe80::1/128', 'all'],
    ['2001:db8::/32', []],
  ])('finds the metadata networks in %s', (block, expected) => {
    expect(metadataIn(block)).toEqual(expected);
  });
});
