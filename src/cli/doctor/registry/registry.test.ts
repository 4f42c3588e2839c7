import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../../telemetry/index.ts';
import { registryFindings } from './checks.ts';
import { probeRegistry, type RegistryProbe } from './probe.ts';

const NOW = Date.parse('2026-11-21T12:00:00Z');
const URL = 'https://registry.example.com';
const DAY_MS = 86_400_000;

type Answered = Extract<RegistryProbe, { kind: 'answered' }>;

function answered(more: Partial<Answered> = {}, tls: Partial<NonNullable<Answered['tls']>> = {}): Answered {
  return {
    kind: 'answered',
    isRegistry: true,
    status: 404,
    date: NOW,
    sentAt: NOW,
    receivedAt: NOW + 1000,
    tls: { problem: undefined, expiresAt: NOW + 90 * DAY_MS, issuer: 'ca', names: 'DNS:other', ...tls },
    ...more,
  };
}

function codes(probe: RegistryProbe, url = URL) {
  return registryFindings({ url, probe, now: NOW }).map(({ code }) => code);
}

describe('the checks of a registry', () => {
  it('finds one that answers, is trusted and has our time', () => {
    expect(codes(answered())).toEqual(['registry_answers', 'certificate_trusted', 'clock_agrees']);
  });

  it.each([
    ['ENOTFOUND', 'registry_not_found'],
    ['EAI_AGAIN', 'registry_not_found'],
    ['ECONNREFUSED', 'registry_unreachable'],
    ['ETIMEDOUT', 'registry_unreachable'],
  ])('tells a name that is unknown from an address that is silent: %s', (problem, code) => {
    expect(codes({ kind: 'unreachable', problem })).toEqual([code]);
  });

  it('does not take another server for a registry', () => {
    expect(codes(answered({ isRegistry: false, status: 200 }))).toContain('not_a_registry');
  });

  it.each([
    ['CERT_HAS_EXPIRED', 'certificate_expired'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'certificate_of_another_name'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'certificate_untrusted'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'certificate_untrusted'],
  ])('explains a certificate that is refused with %s', (problem, code) => {
    const [, tls] = registryFindings({ url: URL, probe: answered({}, { problem }), now: NOW });
    expect(tls?.code).toBe(code);
    expect(tls?.todo).not.toEqual([]);
  });

  it('warns of a certificate that nobody renewed', () => {
    expect(codes(answered({}, { expiresAt: NOW + DAY_MS - 1 }))).toContain('certificate_ends_soon');
  });

  it.each([
    ['http://127.0.0.1:8080', 'plaintext_on_loopback'],
    ['http://[::1]:8080', 'plaintext_on_loopback'],
    ['http://registry.example.com', 'plaintext'],
  ])('says of %s: %s', (url, code) => {
    expect(codes(answered({ tls: undefined }), url)).toContain(code);
  });

  it.each([
    [0, 'clock_agrees'],
    [5_000, 'clock_agrees'],
    [41_000, 'clock_differs'],
    [-41_000, 'clock_differs'],
  ])('compares clocks that are %i ms apart', (apart, code) => {
    expect(codes(answered({ date: NOW - apart }))).toContain(code);
  });

  it('says by how much and in which direction', () => {
    const [, , clock] = registryFindings({ url: URL, probe: answered({ date: NOW - 41_000 }), now: NOW });
    expect(clock?.says).toMatch(/^yours is 41 seconds ahead of/);
  });

  it('knows nothing of the clock of a registry whose Date a proxy took away', () => {
    expect(codes(answered({ date: undefined }))).toContain('not_readable');
  });
});

describe('the probe', () => {
  async function listen(body: string): Promise<string> {
    const server = createServer((_request, response) => response.writeHead(404).end(body));
    onTestFinished(() => void server.close());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    return `http://127.0.0.1:${port}`;
  }

  it('knows a registry by its answer to a path that it does not have, and reads its clock', async () => {
    const registryUrl = await listen('{"error":{"code":"not_found","message":"No such route."}}');
    const probe = await probeRegistry({ registryUrl, trust: undefined, clock: systemClock });
    expect(probe).toMatchObject({ kind: 'answered', isRegistry: true, status: 404, date: expect.any(Number) });
  });

  it('takes nothing else for one', async () => {
    const registryUrl = await listen('<html>');
    const probe = await probeRegistry({ registryUrl, trust: undefined, clock: systemClock });
    expect(probe).toMatchObject({ kind: 'answered', isRegistry: false });
  });

  it('says why nobody answers', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const probe = await probeRegistry({
      registryUrl: `http://127.0.0.1:${port}`,
      trust: undefined,
      clock: systemClock,
    });
    expect(probe).toEqual({ kind: 'unreachable', problem: 'ECONNREFUSED' });
  });
});
