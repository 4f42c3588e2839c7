import { randomBytes } from 'node:crypto';
import { Writable } from 'node:stream';
import fc from 'fast-check';
import { SignJWT } from 'jose';
import { beforeEach, describe, expect, it } from 'vitest';
import { AUDIENCES } from '../../api/index.ts';
import { createLogger, createMetrics, type Metrics } from '../../telemetry/index.ts';
import { ManualClock } from '../../telemetry/testing/manual-clock.ts';
import { Authenticator } from './authenticator.ts';
import { IssuerKeys } from './issuer-keys.ts';
import { serviceAccountTokenOf } from './service-account-token.ts';
import { TokenIssuer } from './testing/issuer.ts';
import { TokenReviews } from './token-reviews.ts';

describe.each(['ES256', 'RS256'] as const)('a token signed with %s', (algorithm) => {
  let clock: ManualClock;
  let issuer: TokenIssuer;
  let authenticator: Authenticator;
  let log: string[];
  let metrics: Metrics;

  beforeEach(async () => {
    clock = new ManualClock();
    issuer = await TokenIssuer.create(algorithm);
    log = [];
    const destination = new Writable({
      write: (chunk, _encoding, done) => {
        log.push(String(chunk));
        done();
      },
    });
    metrics = createMetrics({ component: 'registry', version: 'test' });
    const telemetry = {
      clock,
      logger: createLogger({ component: 'registry', level: 'trace', destination }),
      metrics,
    };
    const keys = new IssuerKeys({ api: issuer, ...telemetry });
    await keys.start();
    authenticator = new Authenticator({
      keys,
      reviews: new TokenReviews({ api: issuer, ...telemetry }),
      ...telemetry,
    });
  });

  const pod = { name: 'build-1', uid: 'pod-uid-1' };

  it('proves its ServiceAccount and pod, with one review a minute', async () => {
    const token = await issuer.token({ now: clock.seconds(), pod });
    for (let turn = 0; turn < 50; turn += 1) {
      const proof = await authenticator.authenticate(token, AUDIENCES.connect);
      expect(proof).toMatchObject({ outcome: 'proven', token: { namespace: 'team-a', name: 'runner', pod } });
    }
    expect(issuer.asked.reviews).toBe(1);
    clock.advance(60_000);
    await authenticator.authenticate(token, AUDIENCES.connect);
    expect(issuer.asked.reviews).toBe(2);
    const text = await metrics.text();
    expect(text).toContain('noisefleet_token_reviews_total{audience="noisefleet-connect",result="good"} 2\n');
    expect(text).toContain('noisefleet_token_reviews_limit 20\n');
  });

  it('of one audience is refused for every other, without a review', async () => {
    const audiences = Object.values(AUDIENCES);
    for (const own of audiences) {
      const token = await issuer.token({ now: clock.seconds(), audiences: [own] });
      for (const other of audiences.filter((each) => each !== own)) {
        expect(await authenticator.authenticate(token, other)).toEqual({ outcome: 'unknown' });
      }
    }
    expect(issuer.asked.reviews).toBe(0);
  });

  it('of several audiences is refused for each', async () => {
    const token = await issuer.token({ now: clock.seconds(), audiences: [AUDIENCES.connect, AUDIENCES.registry] });
    expect(await authenticator.authenticate(token, AUDIENCES.connect)).toEqual({ outcome: 'unknown' });
    expect(await authenticator.authenticate(token, AUDIENCES.registry)).toEqual({ outcome: 'unknown' });
  });

  it('is expired after its time, also while the API server is away', async () => {
    const token = await issuer.token({ now: clock.seconds(), lifeSeconds: 600 });
    await authenticator.authenticate(token, AUDIENCES.connect);
    issuer.away = true;
    clock.advance(606_000);
    expect(await authenticator.authenticate(token, AUDIENCES.connect)).toEqual({ outcome: 'expired' });
  });

  it('is one of 5,000 random or forged ones: none of them reaches a review', async () => {
    const other = await TokenIssuer.create(algorithm);
    const forged = await other.token({ now: clock.seconds() });
    const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${forged.split('.')[1]}.`;
    const good = await issuer.token({ now: clock.seconds() });
    const spliced = `${good.split('.').slice(0, 2).join('.')}.${forged.split('.')[2]}`;
    const byPublicKey = await new SignJWT({}).setProtectedHeader({ alg: 'HS256' }).sign(randomBytes(32));
    for (const bad of [forged, unsigned, spliced, byPublicKey]) {
      expect(await authenticator.authenticate(bad, AUDIENCES.connect)).toEqual({ outcome: 'unknown' });
    }
    for (let turn = 0; turn < 5_000; turn += 1) {
      const bad = `${randomBytes(20).toString('base64url')}.${randomBytes(90).toString('base64url')}.${randomBytes(64).toString('base64url')}`;
      expect(await authenticator.authenticate(bad, AUDIENCES.connect)).toEqual({ outcome: 'unknown' });
    }
    expect(issuer.asked.reviews).toBe(0);
    expect(issuer.asked.issuer).toBeLessThan(3);
  });

  it('is withdrawn when its pod is deleted, once the verdict before is a minute old', async () => {
    const token = await issuer.token({ now: clock.seconds(), pod });
    await authenticator.authenticate(token, AUDIENCES.connect);
    issuer.deletePod(pod.uid);
    clock.advance(60_000);
    expect(await authenticator.authenticate(token, AUDIENCES.connect)).toMatchObject({ outcome: 'withdrawn' });
    issuer.away = true;
    clock.advance(60_000);
    expect(await authenticator.authenticate(token, AUDIENCES.connect)).toEqual({ outcome: 'unavailable' });
  });

  it('of a known holder is good for an hour while the API server is away, and each time the log says so', async () => {
    const first = await issuer.token({ now: clock.seconds(), pod });
    await authenticator.authenticate(first, AUDIENCES.connect);
    issuer.away = true;
    clock.advance(61_000);
    const renewed = await issuer.token({ now: clock.seconds(), pod });
    expect(await authenticator.authenticate(renewed, AUDIENCES.connect)).toMatchObject({ outcome: 'proven' });
    expect(log.filter((line) => line.includes('identity accepted without a review'))).toHaveLength(1);
    const stranger = await issuer.token({ now: clock.seconds(), pod: { name: 'build-2', uid: 'pod-uid-2' } });
    expect(await authenticator.authenticate(stranger, AUDIENCES.connect)).toEqual({ outcome: 'unavailable' });
    clock.advance(3_600_000);
    const late = await issuer.token({ now: clock.seconds(), pod });
    expect(await authenticator.authenticate(late, AUDIENCES.connect)).toEqual({ outcome: 'unavailable' });
    expect(log.join('')).not.toContain(renewed);
  });

  it('signed by a new key of the API server is good at once', async () => {
    await issuer.changeKeys();
    clock.advance(10_000);
    const token = await issuer.token({ now: clock.seconds() });
    expect(await authenticator.authenticate(token, AUDIENCES.connect)).toMatchObject({ outcome: 'proven' });
  });

  it('is one of a crowd: at most 20 reviews in any second, the others wait or are told to come back', async () => {
    const tokens = await Promise.all(
      Array.from({ length: 100 }, (_, index) => issuer.token({ now: clock.seconds(), name: `runner-${index}` })),
    );
    const proofs = tokens.map((token) => authenticator.authenticate(token, AUDIENCES.connect));
    const perSecond: number[] = [];
    for (let second = 0; second < 4; second += 1) {
      const before = issuer.asked.reviews;
      for (let step = 0; step < 20; step += 1) {
        await new Promise((resolve) => setImmediate(resolve));
        await new Promise((resolve) => setImmediate(resolve));
        clock.advance(50);
      }
      perSecond.push(issuer.asked.reviews - before);
    }
    const outcomes = (await Promise.all(proofs)).map(({ outcome }) => outcome);
    expect(Math.max(...perSecond)).toBeLessThanOrEqual(20);
    expect(outcomes).toContain('proven');
    expect(outcomes).toContain('unavailable');
    expect(outcomes.filter((outcome) => outcome === 'proven')).toHaveLength(issuer.asked.reviews);
  });
});

describe('claims of a token', () => {
  it('are read or refused, never half read', () => {
    fc.assert(
      fc.property(fc.anything(), (payload) => {
        const token = serviceAccountTokenOf(payload);
        if (token !== undefined) expect(token.namespace).not.toBe('');
      }),
    );
  });

  it('that contradict their subject are refused', () => {
    const own = { namespace: 'a', serviceaccount: { name: 'b', uid: 'u' } };
    const claims = { sub: 'system:serviceaccount:a:b', exp: 1, aud: ['x'], 'kubernetes.io': own };
    expect(serviceAccountTokenOf(claims)).toMatchObject({ namespace: 'a', name: 'b' });
    expect(serviceAccountTokenOf({ ...claims, sub: 'system:serviceaccount:a:c' })).toBeUndefined();
  });
});
