import { beforeAll, describe, expect, it } from 'vitest';
import { secrets } from '../../kube/index.ts';
import { MemoryApiServer } from '../../kube/testing/index.ts';
import { ManualClock } from '../../telemetry/testing/manual-clock.ts';
import { readBroughtSecret } from './brought-secret.ts';
import { generateAuthority, type Identity, issueLeaf } from './certificates.ts';

const ref = { namespace: 'agents', name: 'front-door' };
const clock = new ManualClock();
const DAY_MS = 86_400_000;

describe('a certificate that the user brought', () => {
  let authority: Identity;
  let leaf: Identity;
  let other: Identity;
  beforeAll(async () => {
    const life = { now: clock.now(), lifeMs: DAY_MS };
    authority = await generateAuthority({ name: 'theirs', ...life });
    leaf = await issueLeaf(authority, { hosts: ['relay.example.com'], ...life });
    other = await issueLeaf(authority, { hosts: ['relay.example.com'], ...life });
  });

  async function read(content: Readonly<Record<string, string>> | undefined) {
    const api = new MemoryApiServer({ clock }).api();
    if (content !== undefined) {
      const data = Object.entries(content).map(([key, text]) => [key, Buffer.from(text).toString('base64')]);
      const secret = { apiVersion: 'v1', kind: 'Secret', metadata: ref, data: Object.fromEntries(data) };
      await api.create(secrets, secret);
    }
    return readBroughtSecret({ api, clock }, ref, new AbortController().signal);
  }

  it('is shown with its end, and what signs it is the bundle', async () => {
    const found = await read({
      'tls.crt': leaf.certificate,
      'tls.key': leaf.privateKey,
      'ca.crt': authority.certificate,
    });
    expect(found).toMatchObject({
      bundle: authority.certificate,
      certificates: [
        { name: 'front-door', expirationTime: new Date(clock.now() + DAY_MS).toISOString().replace('.000', '') },
      ],
    });
  });

  it('may be one that everybody trusts', async () => {
    expect(await read({ 'tls.crt': leaf.certificate, 'tls.key': leaf.privateKey })).toMatchObject({
      bundle: undefined,
    });
  });

  it.each<[string, () => Record<string, string> | undefined, string]>([
    ['is not there', () => undefined, 'SecretNotFound'],
    ['has no key', () => ({ 'tls.crt': leaf.certificate }), 'SecretInvalid'],
    [
      'has the key of another one',
      () => ({ 'tls.crt': leaf.certificate, 'tls.key': other.privateKey }),
      'SecretInvalid',
    ],
    ['is no certificate', () => ({ 'tls.crt': 'hello', 'tls.key': leaf.privateKey }), 'SecretInvalid'],
  ])('is for its owner to mend when it %s', async (_, content, reason) => {
    expect(await read(content())).toMatchObject({
      stall: { reason, message: expect.stringContaining('agents/front-door') },
    });
  });
});
