import { describe, expect, it } from 'vitest';
import { storedExecutor } from '../doctor/testing/stored.ts';
import { historyDocument, historyText } from './history.ts';

const NOW = Date.parse('2026-11-21T08:00:00Z');
const fingerprint = `SHA256:1c9e${'x'.repeat(36)}7aa`;

const k4 = {
  ...{ id: 'k4', state: 'Active', fingerprint, trigger: 'Command', requestedBy: 'security:rotator' },
  ...{ requester: 'Verified', reason: 'quarterly, CHG-1042' },
  ...{ creationTime: '2026-11-21T07:57:00Z', activationTime: '2026-11-21T07:57:00Z' },
};
const k3 = {
  ...{ id: 'k3', state: 'Retiring', fingerprint, trigger: 'Annotation', requestedBy: 'jane', requester: 'Unverified' },
  ...{ creationTime: '2026-08-23T08:00:00Z', retirementTime: '2026-11-22T08:12:00Z' },
};
const k2 = {
  ...{
    id: 'k2',
    state: 'Revoked',
    fingerprint,
    trigger: 'Schedule',
    reason: `bob: \x1b[2Jgone\u202e${'!'.repeat(90)}`,
  },
  ...{ creationTime: '2026-05-23T08:00:00Z', revocationTime: '2026-06-23T08:00:00Z' },
};
const executor = storedExecutor({
  status: {
    ...{ activeKeyID: 'k4', keys: [k3, k4], formerKeys: [k2], droppedKeys: 1 },
    nextRotationTime: '2027-02-19T08:00:00Z',
  },
});

describe('the keys of an executor', () => {
  it('are shown with who asked and why; a name that is not proven is called so', () => {
    expect(historyText(executor, { all: false, wide: false, now: NOW }).split('\n')).toEqual([
      'ID   STATE      FINGERPRINT       CREATED   ACTIVE   RETIRED   TRIGGER      BY                  REASON',
      'k4   Active     SHA256:1c9e…7aa   3m ago    3m ago   –         Command      security:rotator    quarterly, CHG-1042',
      'k3   Retiring   SHA256:1c9e…7aa   90d ago   –        in 24h    Annotation   jane (unverified)   –',
      'the next rotation by the schedule is in 90d',
      '',
    ]);
  });

  it('have a history, in which no word of others does anything to a terminal', () => {
    const text = historyText(executor, { all: true, wide: false, now: NOW });
    expect(text).toContain('bob: �[2Jgone�!');
    expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(text).toContain('1 older key is no longer listed');
    const wide = historyText(executor, { all: true, wide: true, now: NOW });
    expect(wide).toContain(fingerprint);
    expect(wide).toContain('!'.repeat(90));
    expect(wide.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });

  it('are a document for machines', () => {
    expect(historyDocument(executor, true)).toMatchObject({
      ...{ version: 1, namespace: 'team-a', name: 'build', activeKeyID: 'k4', droppedKeys: 1 },
      keys: [{ id: 'k4', requester: 'Verified' }, { id: 'k3' }, { id: 'k2', state: 'Revoked' }],
    });
  });
});
