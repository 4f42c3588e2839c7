import { beforeEach, describe, expect, it } from 'vitest';
import { AUDIENCES } from '../../api/index.ts';
import { createLogger, createMetrics } from '../../telemetry/index.ts';
import { ManualClock } from '../../telemetry/testing/manual-clock.ts';
import type { PeerProofs } from '../peer-proofs.ts';
import { Authenticator } from './authenticator.ts';
import { clusterProofs, relayServiceAccountOf } from './cluster-proofs.ts';
import { IssuerKeys } from './issuer-keys.ts';
import { RELAY } from './testing/facts.ts';
import { TokenIssuer } from './testing/issuer.ts';
import { TokenReviews } from './token-reviews.ts';

describe('proofs of relays and the operator', () => {
  const clock = new ManualClock();
  const pod = { name: 'main-relay-0', uid: 'relay-uid' };
  const operator = { namespace: 'noisefleet', name: 'noisefleet-operator' };
  let issuer: TokenIssuer;
  let proofs: PeerProofs;

  beforeEach(async () => {
    issuer = await TokenIssuer.create();
    const telemetry = {
      clock,
      logger: createLogger({ component: 'registry', level: 'silent' }),
      metrics: createMetrics({ component: 'registry', version: 'test' }),
    };
    const keys = new IssuerKeys({ api: issuer, ...telemetry });
    await keys.start();
    const reviews = new TokenReviews({ api: issuer, ...telemetry });
    const authenticator = new Authenticator({ keys, reviews, ...telemetry });
    proofs = clusterProofs({
      authenticator,
      api: issuer,
      relay: RELAY,
      operatorServiceAccount: operator,
      ...telemetry,
    });
    issuer.pods.set('agents/main-relay-0', {
      uid: pod.uid,
      labels: { 'noisefleet.dev/relay': 'main' },
      ip: '10.1.2.3',
    });
  });

  const relayToken = (change: object = {}) =>
    issuer.token({
      ...relayServiceAccountOf(RELAY),
      audiences: [AUDIENCES.presence],
      pod,
      now: clock.seconds(),
      ...change,
    });

  it('finds a relay at the address of its pod', async () => {
    expect(await proofs.relay(await relayToken())).toEqual({ outcome: 'proven', ip: '10.1.2.3', pod: pod.name });
  });

  it.each([
    ['another ServiceAccount of the namespace', { name: 'default' }],
    ['the relay’s ServiceAccount of another namespace', { namespace: 'team-a' }],
    ['no pod', { pod: undefined }],
    ['a pod that is not there', { pod: { name: 'other', uid: 'x' } }],
    ['another pod of the same name', { pod: { ...pod, uid: 'x' } }],
    ['another audience', { audiences: [AUDIENCES.registry] }],
  ])('refuses a relay’s token of %s', async (_, change) => {
    expect(await proofs.relay(await relayToken(change))).toEqual({ outcome: 'unknown' });
  });

  it('refuses a pod that is not labelled as one of this Relay', async () => {
    issuer.pods.set('agents/main-relay-0', { uid: pod.uid, labels: {}, ip: '10.1.2.3' });
    expect(await proofs.relay(await relayToken())).toEqual({ outcome: 'unknown' });
  });

  it('goes by the connection of a relay that it knows while the API server is away', async () => {
    const token = await relayToken();
    await proofs.relay(token);
    issuer.away = true;
    expect(await proofs.relay(token)).toEqual({ outcome: 'proven', ip: undefined, pod: pod.name });
  });

  it('answers the operator’s ServiceAccount on the internal API, and nobody else', async () => {
    const token = (change: object) =>
      issuer.token({ ...operator, audiences: [AUDIENCES.internal], now: clock.seconds(), ...change });
    expect(await proofs.operator(await token({}))).toEqual({ outcome: 'proven' });
    expect(await proofs.operator(await token({ name: 'default' }))).toEqual({ outcome: 'unknown' });
    expect(await proofs.operator(await token({ audiences: [AUDIENCES.connect] }))).toEqual({ outcome: 'unknown' });
    expect(await proofs.operator(await relayToken())).toEqual({ outcome: 'unknown' });
  });
});
