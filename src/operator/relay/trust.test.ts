import { describe, expect, it } from 'vitest';
import type { RelayStatus } from '../../api/index.ts';
import { secondTime } from '../../kube/index.ts';
import { certificatesFinding, EXPIRING_MS, ticketKeysFinding } from './trust.ts';

const now = Date.parse('2026-11-21T08:00:00Z');

describe('the certificates of a Relay', () => {
  const certificate = (name: string, end: number) => ({ name, fingerprint: 'aa', expirationTime: secondTime(end) });
  const look = (...ends: number[]) =>
    certificatesFinding({
      certificates: ends.map((end, index) => certificate(`s${index}`, end)),
      wanted: 2,
      type: 'Generated',
      now,
    });
  const far = now + 30 * EXPIRING_MS;

  it('are pending until all are there', () => {
    expect(look(far).finding).toMatchObject({ status: 'Unknown', reason: 'CertificatesPending' });
  });

  it('are valid, and looked at again a day before the first ends', () => {
    expect(look(far, far + 1000)).toMatchObject({
      finding: { status: 'True', reason: 'CertificatesValid' },
      nextTime: far - EXPIRING_MS,
    });
  });

  it.each([
    ['ends within a day', now + EXPIRING_MS - 1000, false],
    ['ended', now - 1000, true],
  ])('are expiring when one %s, and it is named', (_, end, ended) => {
    const found = look(far, end);
    expect(found).toMatchObject({ finding: { status: 'False', reason: 'CertificateExpiring' }, ended });
    expect(found.finding.message).toContain('Secret s1');
  });
});

describe('the ticket keys of a Relay', () => {
  const key = (id: string, state: RelayStatus['ticketKeys'][number]['state']) => ({
    ...{ id, state, creationTime: '2026-11-21T08:00:00Z' },
  });
  const keys = [key('old', 'Retiring'), key('a', 'Active'), key('b', 'Prepared')];

  it('are loading before one signs', () => {
    expect(ticketKeysFinding([key('b', 'Prepared')], [])).toMatchObject({ status: 'Unknown' });
  });

  it('are loading while a registry lacks one that signs or will, and it is named', () => {
    const finding = ticketKeysFinding(keys, [
      { pod: 'r1', ids: ['a', 'b'] },
      { pod: 'r2', ids: ['old', 'a'] },
    ]);
    expect(finding).toMatchObject({ status: 'Unknown', reason: 'TicketKeysLoading' });
    expect(finding.message).toContain('r2');
    expect(finding.message).not.toContain('r1');
  });

  it('are loaded when everybody who says has them', () => {
    const heard = [
      { pod: 'r1', ids: ['a', 'b'] },
      { pod: 'of an earlier release', ids: undefined },
    ];
    expect(ticketKeysFinding(keys, heard)).toMatchObject({ status: 'True', reason: 'TicketKeysLoaded' });
  });
});
