import { describe, expect, it } from 'vitest';
import type { HarnessStep } from '../../../harness/index.ts';
import { HYBRID_IK_PROTOCOL } from '../../../noise/index.ts';
import { parseFingerprint } from '../../../wire/index.ts';
import { type Finding, found } from '../finding.ts';
import { storedExecutor, storedGrant } from '../testing/stored.ts';
import { connectionFindings } from './checks.ts';
import { type SecurityFacts, securityFindings } from './security.ts';
import type { Trial } from './trial.ts';

const NOW = Date.parse('2026-11-21T12:00:00Z');
const FINGERPRINT = parseFingerprint(`SHA256:${'A'.repeat(43)}`);
const NOT_READ = found('grants', 'not_readable', 'forbidden');

const ATTACHED: Trial = {
  kind: 'attached',
  diagnostics: {
    protocol: HYBRID_IK_PROTOCOL,
    fingerprint: FINGERPRINT,
    relayHost: 'relay.example.com',
    traffic: { framesSent: 4, framesReceived: 5, bytesSent: 7000, bytesReceived: 7200 },
  },
  roundTripMs: 12,
};

function refused(code: string, step: HarnessStep = 'connect', status?: number): Trial {
  return { kind: 'refused', step, code, status, message: 'the words of whoever refused' };
}

function codes(trial: Trial, grants: Finding = NOT_READ) {
  return connectionFindings({ label: 'team-a/build', trial, grants }).map(({ code }) => code);
}

describe('the checks of a connection', () => {
  it('finds a channel and one round trip in it', () => {
    expect(codes(ATTACHED)).toEqual(['connect_allowed', 'channel_active', 'round_trip_done']);
  });

  it.each([
    'token_invalid',
    'token_expired',
    'environment_offline',
    'not_synced',
    'rate_limited',
    'key_not_pinned',
  ] as const)('explains %s of the registry, and says what to do', (code) => {
    const [connect] = connectionFindings({
      label: 'team-a/build',
      trial: refused(code, 'connect', 401),
      grants: NOT_READ,
    });
    expect(connect).toMatchObject({ check: 'connect', code });
    expect(connect?.todo).not.toEqual([]);
  });

  it('passes on an answer that it does not know', () => {
    expect(codes(refused('something_new', 'connect', 418))).toEqual(['connect_failed', 'not_tried']);
  });

  it.each([
    ['where grants say why', found('grants', 'grant_expired', ''), /Why stands above, under Grants/],
    ['where grants may not be read', NOT_READ, /Ask for an ExecutorGrant/],
    ['where a grant is in force', found('grants', 'grant_in_force', ''), /has not heard of it/],
  ])('explains that one may not connect %s', (_name, grants, words) => {
    const [connect] = connectionFindings({
      label: 'team-a/build',
      trial: refused('not_authorized', 'connect', 403),
      grants,
    });
    expect(connect?.code).toBe('not_authorized');
    expect(connect?.todo.join('\n')).toMatch(words);
  });

  it.each([
    ['relay_unreachable', 'relay', 'relay_failed'],
    ['ticket_used', 'relay', 'relay_failed'],
    ['handshake_timeout', 'handshake', 'handshake_failed'],
    ['executor_credential_rejected', 'handshake', 'executor_credential_rejected'],
    ['initialize_refused', 'initialize', 'handshake_failed'],
  ] as const)('tells the registry that said yes from the channel that failed with %s', (code, step, expected) => {
    expect(codes(refused(code, step))).toEqual(['connect_allowed', expected]);
  });

  it('does not take a session that answers nothing for one that is well', () => {
    expect(codes({ ...ATTACHED, roundTripMs: undefined })).toContain('round_trip_failed');
  });
});

describe('remote security', () => {
  function facts(more: Partial<SecurityFacts> = {}, status: object = {}): SecurityFacts {
    const key = {
      id: 'k4',
      state: 'Active',
      fingerprint: FINGERPRINT,
      trigger: 'Schedule',
      creationTime: '2026-11-21T11:57:00Z',
    };
    const executor = storedExecutor({ status: { keys: [key], nextRotationTime: '2027-02-19T12:00:00Z', ...status } });
    return {
      trial: ATTACHED,
      executor: { kind: 'known', value: executor },
      grants: { kind: 'known', value: [storedGrant()] },
      pinned: false,
      now: NOW,
      ...more,
    };
  }

  it('tells pattern, suite, forward secrecy, the key and who may connect', () => {
    expect(securityFindings(facts()).map(({ check, says }) => `${check}: ${says}`)).toEqual([
      `handshake: hybridIK, X25519 + ML-KEM-768, AES-256-GCM, SHA-256 (${HYBRID_IK_PROTOCOL})`,
      'forward_secrecy: enabled: whoever gets the static keys later reads no session of before',
      'static_key: static key k4, 3 minutes old, rotates in 90 days',
      'clients: 1 (1 grant): ci (ServiceAccount team-a/dev)',
    ]);
  });

  it.each([
    ['is overdue', { nextRotationTime: '2026-11-20T12:00:00Z' }, 'rotation_overdue'],
    ['is none of those recorded', { keys: [] }, 'key_not_listed'],
    [
      'was revoked',
      {
        keys: [
          {
            id: 'k4',
            state: 'Revoked',
            fingerprint: FINGERPRINT,
            trigger: 'Schedule',
            creationTime: '2026-11-21T11:57:00Z',
          },
        ],
      },
      'key_revoked',
    ],
    ['is of the process that joined', { keys: [], external: { fingerprint: FINGERPRINT } }, 'key_current'],
  ])('knows a key whose rotation or standing %s', (_name, status, code) => {
    const key = securityFindings(facts({}, status)).find(({ check }) => check === 'static_key');
    expect(key?.code).toBe(code);
  });

  it('counts neither grants that ended nor those for other executors among the clients', () => {
    const grants = [
      storedGrant({}, 'a'),
      storedGrant({ expirationTime: '2026-11-21T11:00:00Z' }, 'b'),
      storedGrant({ executorSelector: { matchLabels: { tier: 'gpu' } } }, 'c'),
    ];
    const clients = securityFindings(facts({ grants: { kind: 'known', value: grants } })).at(-1);
    expect(clients?.says).toMatch(/^1 \(1 grant\)/);
  });

  it('warns of a grant to whoever can create a ServiceAccount', () => {
    const group = storedGrant({ subjects: [{ kind: 'Group', name: 'system:serviceaccounts:ci' }] });
    expect(securityFindings(facts({ grants: { kind: 'known', value: [group] } })).at(-1)?.code).toBe('clients_anybody');
  });

  it('claims nothing of a channel that was not opened', () => {
    const found = securityFindings(facts({ trial: { kind: 'not_tried', why: '' }, executor: { kind: 'no_cluster' } }));
    expect(found.map(({ code }) => code)).toEqual(['not_tried', 'not_tried', 'not_tried', 'not_readable']);
  });

  it.each([
    [true, 'key_pinned'],
    [false, 'not_readable'],
  ])('says of a key without its status, pinned: %s', (pinned, code) => {
    const found = securityFindings(facts({ executor: { kind: 'no_cluster' }, pinned }));
    expect(found.find(({ check }) => check === 'static_key')?.code).toBe(code);
  });
});
