import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateKeypair, publicKeysEqual } from '../../noise/index.ts';
import {
  keyHash,
  parseBootId,
  parseEnvironmentId,
  parseFingerprint,
  parseIncarnation,
  parseKeyId,
  registrationIdOf,
} from '../ids.ts';
import { MAX_AUTHORIZATION_BYTES } from '../limits.ts';
import { rejectionCodeOf } from '../testing/code-of.ts';
import { brokenBytes } from '../testing/mutations.ts';
import {
  CLAIM_SCHEMAS,
  type ExecutorTicket,
  type HarnessAuthorization,
  type HarnessTicket,
  TICKET_HEADERS,
  TICKET_ISSUER,
} from './claims.ts';
import { decodeTicketKeys, encodeTicketKeys, generateTicketKey, TICKET_KEY_ACCEPTED_SECONDS } from './keys.ts';
import { createTicketKeysFile, loadTicketKeys } from './keys-file.ts';
import { TicketSigner } from './signer.ts';
import { readUncheckedHarnessTicket } from './unchecked.ts';
import { TICKET_CLOCK_SKEW_SECONDS, TicketVerifier } from './verifier.ts';

const NOW = 1_800_000_000;
const environmentId = parseEnvironmentId('team-a_build');
const incarnation = parseIncarnation('0d6c9f2e-1111-4222-8333-944445555666');
const registrationId = registrationIdOf(environmentId, incarnation, parseFingerprint(`SHA256:${'A'.repeat(43)}`));
const { publicKey } = generateKeypair();
const harnessKeyHash = keyHash(publicKey);

const executorTicket: ExecutorTicket = {
  environmentId,
  registrationId,
  incarnation,
  keyId: parseKeyId('k1'),
  publicKey,
  firstRegistrationTime: NOW - 5,
  runtime: 'sidecar',
  expiresAt: NOW + 600,
};
const harnessTicket: HarnessTicket = {
  environmentId,
  registrationId,
  bootId: parseBootId('boot-0001'),
  address: '10.0.0.7:8443',
  grant: 'team-a/ci',
  identityHash: 'hash',
  harnessKeyHash,
  jti: 'audit-1',
  expiresAt: NOW + 60,
};
const authorization: HarnessAuthorization = {
  environmentId,
  registrationId,
  harnessKeyHash,
  jti: 'audit-1',
  grant: 'team-a/ci',
  identity: 'sa:ci/runner',
  expiresAt: NOW + 60,
};

const key = generateTicketKey();
const signer = new TicketSigner([key]);
const verifier = new TicketVerifier(signer.publicJwks(NOW));
const tokens = {
  executor: await signer.signExecutorTicket(executorTicket, NOW),
  harness: await signer.signHarnessTicket(harnessTicket, NOW),
  authorization: await signer.signAuthorization(authorization, NOW),
};
const verify = {
  executor: (token: string, now = NOW, by = verifier) => by.verifyExecutorTicket(token, now),
  harness: (token: string, now = NOW, by = verifier) => by.verifyHarnessTicket(token, now),
  authorization: (token: string, now = NOW, by = verifier) => by.verifyAuthorization(token, now),
};
const kinds = Object.keys(verify) as (keyof typeof verify)[];

describe('tickets', () => {
  it('come back with all that was signed', async () => {
    const { publicKey: read, ...rest } = await verify.executor(tokens.executor);
    const { publicKey: signed, ...expected } = executorTicket;
    expect(publicKeysEqual(read, signed)).toBe(true);
    expect(rest).toEqual(expected);
    expect(await verify.harness(tokens.harness)).toEqual(harnessTicket);
    expect(await verify.authorization(tokens.authorization)).toEqual(authorization);
  });

  it('of an external executor have no key id', async () => {
    const { keyId: _, ...rest } = executorTicket;
    const token = await signer.signExecutorTicket({ ...rest, runtime: 'external' }, NOW);
    expect(Object.keys(await verify.executor(token))).not.toContain('keyId');
  });

  it('fit where they must go', () => {
    expect(tokens.executor.length).toBeLessThan(3000);
    expect(tokens.authorization.length).toBeLessThan(MAX_AUTHORIZATION_BYTES);
  });

  it('of harnesses tell whose they are before their signature is checked', () => {
    const { identityHash, jti } = harnessTicket;
    expect(readUncheckedHarnessTicket(tokens.harness)).toEqual({ identityHash, jti });
    expect(readUncheckedHarnessTicket(tokens.executor)).toBeUndefined();
  });

  it.each(kinds.flatMap((kind) => kinds.filter((other) => other !== kind).map((other) => [kind, other] as const)))(
    'of the type %s are refused as %s',
    async (kind, other) => {
      expect(await rejectionCodeOf(verify[other](tokens[kind]))).toBe('ticket_wrong_type');
    },
  );

  it.each(kinds)('of the type %s are refused after their time, give or take the clocks', async (kind) => {
    const end = kind === 'executor' ? NOW + 600 : NOW + 60;
    await verify[kind](tokens[kind], end + TICKET_CLOCK_SKEW_SECONDS - 1);
    expect(await rejectionCodeOf(verify[kind](tokens[kind], end + TICKET_CLOCK_SKEW_SECONDS))).toBe('ticket_expired');
    await verify[kind](tokens[kind], NOW - TICKET_CLOCK_SKEW_SECONDS);
    expect(await rejectionCodeOf(verify[kind](tokens[kind], NOW - TICKET_CLOCK_SKEW_SECONDS - 1))).toBe(
      'ticket_invalid',
    );
  });

  it.each(kinds)('of the type %s are refused when another key signed them', async (kind) => {
    const stranger = new TicketVerifier(TicketSigner.generate().publicJwks(NOW));
    expect(await rejectionCodeOf(verify[kind](tokens[kind], NOW, stranger))).toBe('ticket_invalid');
    const sameName = new TicketVerifier([{ ...generateTicketKey().publicJwk, kid: key.kid }]);
    expect(await rejectionCodeOf(verify[kind](tokens[kind], NOW, sameName))).toBe('ticket_invalid');
  });

  it.each<[string, string]>([
    ['nothing', ''],
    ['no JWT', 'a.b.c'],
    ['a JWT without a signature', `${tokens.harness.split('.').slice(0, 2).join('.')}.`],
    ['an unsigned JWT', unsigned(tokens.harness)],
    ['spelled with a space', tokens.harness.replace('.', '. ')],
    ['spelled with other unused bits', respelled(tokens.harness)],
    ['too long a text', 'a'.repeat(5000)],
  ])('that are %s are refused', async (_, token) => {
    expect(await rejectionCodeOf(verify.harness(token))).toBe('ticket_invalid');
  });

  it('meet 10,000 changes with nothing but TicketErrors, and none gets in', async () => {
    const samples = Object.values(tokens).map((token) => Buffer.from(token));
    await fc.assert(
      fc.asyncProperty(brokenBytes(samples), fc.constantFrom(...kinds), async (bytes, kind) => {
        const token = Buffer.from(bytes).toString('latin1');
        fc.pre(token !== tokens[kind]);
        for (const text of Object.values(readUncheckedHarnessTicket(token) ?? {}))
          expect(text.length).toBeLessThanOrEqual(256);
        expect(await rejectionCodeOf(verify[kind](token))).toMatch(/^ticket_(invalid|wrong_type)$/);
      }),
      { numRuns: 10_000 },
    );
  });
});

/** Another last character for the same 64 bytes of signature. */
function respelled(token: string): string {
  const last = Buffer.from(token.slice(-2), 'base64url');
  const other = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_']
    .map((character) => `${token.slice(-2, -1)}${character}`)
    .find((text) => text !== token.slice(-2) && Buffer.from(text, 'base64url').equals(last));
  return `${token.slice(0, -2)}${other}`;
}

function unsigned(token: string): string {
  const header = Buffer.from('{"alg":"none","typ":"noisefleet-harness-ticket+jwt"}').toString('base64url');
  return `${header}.${token.split('.')[1]}.`;
}

describe('claims', () => {
  /** As a registry signs, with any claims. */
  const sign = (claims: Record<string, unknown>, { typ, alg = 'EdDSA' }: { typ: string; alg?: string }) =>
    new SignJWT(claims)
      .setProtectedHeader({ alg, typ, kid: key.kid })
      .setIssuer(TICKET_ISSUER)
      .setAudience(TICKET_HEADERS.harness.audience)
      .setIssuedAt(NOW)
      .setNotBefore(NOW)
      .setExpirationTime(NOW + 60)
      .sign(key.privateKey);
  const { expiresAt: _, ...claims } = harnessTicket;
  const { typ } = TICKET_HEADERS.harness;

  it('of another typ under the right audience are refused', async () => {
    const token = await sign({ ...claims, v: 1 }, { typ: TICKET_HEADERS.executor.typ });
    expect(await rejectionCodeOf(verify.harness(token))).toBe('ticket_wrong_type');
  });

  it('of another version are refused with a code of their own', async () => {
    expect(await rejectionCodeOf(verify.harness(await sign({ ...claims, v: 2 }, { typ })))).toBe('ticket_version');
    expect(await rejectionCodeOf(verify.harness(await sign(claims, { typ })))).toBe('ticket_version');
  });

  it('that a later release added are left out', async () => {
    const token = await sign({ ...claims, v: 1, later: 1 }, { typ });
    expect(await verify.harness(token)).toEqual(harnessTicket);
  });

  it.each(Object.keys(claims))('without %s are refused', async (name) => {
    const token = await sign({ ...claims, v: 1, [name]: undefined }, { typ });
    expect(await rejectionCodeOf(verify.harness(token))).toBe('ticket_invalid');
  });

  it('with a key of a wrong length are refused', () => {
    const text = (length: number) => Buffer.alloc(length).toString('base64url');
    const good = { ...executorTicket, exp: NOW, publicKey: { x25519: text(32), mlkem768: text(1184) } };
    expect(CLAIM_SCHEMAS.executor.safeParse(good).success).toBe(true);
    for (const bad of [{ x25519: text(31) }, { mlkem768: text(1185) }, { x25519: `${text(32)}=` }]) {
      const claimsWithBadKey = { ...good, publicKey: { ...good.publicKey, ...bad } };
      expect(CLAIM_SCHEMAS.executor.safeParse(claimsWithBadKey).success).toBe(false);
    }
  });
});

describe('ticket keys', () => {
  it('sign from notBefore on, the newest first, until they retire', async () => {
    const old = { ...generateTicketKey(0), retireAt: NOW + 100 };
    const next = generateTicketKey(NOW + 50);
    const rotating = new TicketSigner([old, next]);
    const kidAt = async (now: number) => {
      const token = await rotating.signHarnessTicket(harnessTicket, now);
      return (JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as { kid: string }).kid;
    };
    expect(await kidAt(NOW)).toBe(old.kid);
    expect(await kidAt(NOW + 50)).toBe(next.kid);
    expect(await rejectionCodeOf(new TicketSigner([old]).signHarnessTicket(harnessTicket, NOW + 100))).toBe(
      'no_signing_key',
    );
  });

  it('stay accepted for 8 days after they retired', () => {
    const retired = { ...generateTicketKey(0), retireAt: NOW };
    const both = new TicketSigner([retired, key]);
    expect(both.publicJwks(NOW + TICKET_KEY_ACCEPTED_SECONDS - 1)).toHaveLength(2);
    expect(both.publicJwks(NOW + TICKET_KEY_ACCEPTED_SECONDS)).toEqual([key.publicJwk]);
  });

  it('are exchanged in a verifier while it runs', async () => {
    const changing = new TicketVerifier([]);
    expect(await rejectionCodeOf(verify.harness(tokens.harness, NOW, changing))).toBe('ticket_invalid');
    changing.setKeys(signer.publicJwks(NOW));
    await verify.harness(tokens.harness, NOW, changing);
  });

  it('show no private half', () => {
    expect(JSON.stringify(signer.publicJwks(NOW))).not.toContain('"d"');
  });
});

describe('the ticket keys file', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ticket-keys-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('is created with mode 0600 and signs at once', async () => {
    const path = join(folder, 'keys.json');
    await createTicketKeysFile(path);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const fromFile = await TicketSigner.fromFile(path);
    const token = await fromFile.signHarnessTicket(harnessTicket, NOW);
    await verify.harness(token, NOW, new TicketVerifier(fromFile.publicJwks(NOW)));
    expect((await readdir(folder)).filter((name) => name.includes('tmp'))).toEqual([]);
  });

  it('is never overwritten', async () => {
    const path = join(folder, 'once.json');
    await createTicketKeysFile(path);
    const before = await readFile(path, 'utf8');
    expect(await rejectionCodeOf(createTicketKeysFile(path))).toBe('keys_file');
    expect(await readFile(path, 'utf8')).toBe(before);
  });

  it('is refused when others can read it', async () => {
    const path = join(folder, 'open.json');
    await createTicketKeysFile(path);
    await chmod(path, 0o640);
    expect(await rejectionCodeOf(loadTicketKeys(path))).toBe('keys_file');
    expect(await loadTicketKeys(path, { allowGroupRead: true })).toHaveLength(1);
    await chmod(path, 0o644);
    expect(await rejectionCodeOf(loadTicketKeys(path, { allowGroupRead: true }))).toBe('keys_file');
  });

  it('is refused when it is missing or no file', async () => {
    expect(await rejectionCodeOf(loadTicketKeys(join(folder, 'nowhere.json')))).toBe('keys_file');
    expect(await rejectionCodeOf(loadTicketKeys(folder))).toBe('keys_file');
    const path = join(folder, 'huge.json');
    await writeFile(path, ' '.repeat(100_000), { mode: 0o600 });
    expect(await rejectionCodeOf(loadTicketKeys(path))).toBe('keys_file');
  });

  it('keeps its keys through encode and decode', () => {
    const keys = [{ ...generateTicketKey(5), retireAt: 9 }, generateTicketKey(7)];
    const read = decodeTicketKeys(encodeTicketKeys(keys));
    expect(read.map(({ publicJwk, notBefore, retireAt }) => ({ publicJwk, notBefore, retireAt }))).toEqual(
      keys.map(({ publicJwk, notBefore, retireAt }: (typeof read)[number]) => ({ publicJwk, notBefore, retireAt })),
    );
  });

  it('meets 10,000 accidents with nothing but TicketErrors, which repeat nothing of it', () => {
    const text = encodeTicketKeys([key]);
    const secret = (JSON.parse(text) as { keys: { privateJwk: { d: string } }[] }).keys[0]?.privateJwk.d ?? '';
    fc.assert(
      fc.property(brokenBytes([Buffer.from(text)]), (bytes) => {
        try {
          decodeTicketKeys(Buffer.from(bytes).toString());
        } catch (error) {
          expect(error).toMatchObject({ name: 'TicketError', code: 'keys_file' });
          expect(String(error)).not.toContain(secret.slice(0, 8));
        }
      }),
      { numRuns: 10_000 },
    );
  });
});
