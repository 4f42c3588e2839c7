import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { identityFinding, mayBeShown } from './check.ts';
import { tokenFacts } from './claims.ts';

const NOW = Date.parse('2026-11-21T12:00:00Z');
const SUBJECT = 'system:serviceaccount:team-a:dev';

function token(claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'RS256' })}.${part(claims)}.c2lnbmF0dXJl`;
}

const GOOD = { sub: SUBJECT, aud: ['noisefleet-connect'], exp: NOW / 1000 + 600 };

function finding(claims: object) {
  return identityFinding({ kind: 'token', facts: tokenFacts(token(claims)) }, NOW);
}

describe('what a token says of itself', () => {
  it('names the ServiceAccount, the audiences and the end', () => {
    expect(tokenFacts(token(GOOD))).toEqual({
      kind: 'jwt',
      subject: SUBJECT,
      serviceAccount: { namespace: 'team-a', name: 'dev' },
      audiences: ['noisefleet-connect'],
      expiresAt: NOW + 600_000,
    });
  });

  it('is nothing that can be read for anything but a JWT', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(fc.string(), { minLength: 3, maxLength: 3 }).map((parts) => parts.join('.')),
        ),
        (text) => {
          const facts = tokenFacts(text);
          expect(['opaque', 'jwt']).toContain(facts.kind);
        },
      ),
    );
  });

  it('reads any claims without failing', () => {
    fc.assert(
      fc.property(fc.object(), (claims) => {
        expect(['opaque', 'jwt']).toContain(tokenFacts(token(claims)).kind);
      }),
    );
  });
});

describe('the check of the identity', () => {
  it.each([
    ['a token for this call', GOOD, 'token_fits'],
    ['one that ends before the report is read', { ...GOOD, exp: NOW / 1000 + 30 }, 'token_ends_soon'],
    ['one that ended', { ...GOOD, exp: NOW / 1000 - 30 }, 'token_expired'],
    ['one for the API server', { ...GOOD, aud: ['https://kubernetes.default.svc'] }, 'other_audience'],
    ['one for nobody', { ...GOOD, aud: undefined }, 'other_audience'],
    ['one for two', { ...GOOD, aud: ['noisefleet-connect', 'vault'] }, 'several_audiences'],
    ['one of a person', { ...GOOD, sub: 'alice@example.com' }, 'not_a_service_account'],
  ])('knows %s', (_name, claims, code) => {
    expect(finding(claims).code).toBe(code);
  });

  it('says who one is, and for how long', () => {
    expect(finding(GOOD).says).toBe(
      'you are ServiceAccount team-a/dev, with a token for noisefleet-connect that ends in 10 minutes',
    );
  });

  it('has the command that makes a token for the right audience', () => {
    expect(finding({ ...GOOD, aud: ['vault'] }).todo[0]).toBe(
      'kubectl create token dev -n team-a --audience noisefleet-connect',
    );
  });

  it('never repeats the token', () => {
    for (const claims of [GOOD, { ...GOOD, aud: ['vault'] }, { ...GOOD, exp: 1 }, { ...GOOD, sub: 'alice' }]) {
      expect(JSON.stringify(finding(claims))).not.toContain('c2lnbmF0dXJl');
    }
  });

  it.each([
    ['a token for this call', GOOD, true],
    ['one for the API server', { ...GOOD, aud: ['https://kubernetes.default.svc'] }, false],
    ['one for both', { ...GOOD, aud: ['noisefleet-connect', 'https://kubernetes.default.svc'] }, false],
  ])('lets the registry see %s: %s', (_name, claims, shown) => {
    expect(mayBeShown({ kind: 'token', facts: tokenFacts(token(claims)) })).toBe(shown);
  });

  it('says what is missing when there is no token', () => {
    const none = identityFinding({ kind: 'none', problem: 'the file is empty' }, NOW);
    expect(none).toMatchObject({ code: 'token_unavailable', says: expect.stringContaining('the file is empty') });
  });
});
