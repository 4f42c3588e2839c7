import { once } from 'node:events';
import { connect, createServer } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { generateAuthority, isSignedBy, issueLeaf, readIdentity } from './certificates.ts';

const DAY_MS = 86_400_000;
const now = Date.now();
const request = { hosts: ['registry.agents.svc', 'a-name-that-is-long.example.com'], now, lifeMs: 90 * DAY_MS };

async function authority(name = 'test') {
  return generateAuthority({ name, now, lifeMs: 365 * DAY_MS });
}

describe('certificates', () => {
  it('make a connection that a client with the bundle trusts, by host name', async () => {
    const [root, other] = await Promise.all([authority(), authority('other')]);
    const leaf = await issueLeaf(root, request);
    const server = createServer({ cert: leaf.certificate, key: leaf.privateKey }, (socket) => socket.end('hello'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const dial = async (servername: string, ca: string) => {
      const socket = connect({ host: '127.0.0.1', port, servername, ca });
      try {
        await once(socket, 'secureConnect');
        return 'trusted';
      } catch (error) {
        return (error as { code?: string }).code;
      } finally {
        socket.destroy();
      }
    };
    const bundle = other.certificate + root.certificate;
    expect(await dial('registry.agents.svc', bundle)).toBe('trusted');
    expect(await dial('evil.agents.svc', bundle)).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
    expect(await dial('registry.agents.svc', other.certificate)).not.toBe('trusted');
    server.close();
  });

  it('are read back with what decides about them', async () => {
    const root = await authority();
    const leaf = await issueLeaf(root, request);
    const facts = readIdentity(leaf);
    expect(facts?.hosts).toEqual(request.hosts);
    expect(Math.abs((facts?.issuedAt ?? 0) - now)).toBeLessThan(1000);
    expect(isSignedBy(leaf.certificate, root.certificate)).toBe(true);
    expect(isSignedBy(leaf.certificate, (await authority()).certificate)).toBe(false);
  });

  it('never outlive their authority', async () => {
    const root = await authority();
    const leaf = await issueLeaf(root, { ...request, lifeMs: 9999 * DAY_MS });
    expect(readIdentity(leaf)?.expiresAt).toBe(readIdentity(root)?.expiresAt);
  });

  it('are not usable when damaged or with the key of another', async () => {
    const [one, two] = await Promise.all([authority(), authority()]);
    expect(readIdentity({ certificate: one.certificate, privateKey: two.privateKey })).toBeUndefined();
    expect(readIdentity({ certificate: one.certificate.slice(0, 200), privateKey: one.privateKey })).toBeUndefined();
    expect(readIdentity({ certificate: '', privateKey: '' })).toBeUndefined();
  });
});
