import { describe, expect, it } from 'vitest';
import { DOCTOR_CODES, type DoctorCode } from './codes.ts';
import { exitCodeOfFindings, type Finding, found } from './finding.ts';
import { jsonReport, textReport } from './report.ts';
import { spanOf } from './span.ts';

const findings: readonly Finding[] = [
  found('registry', 'registry_answers', 'it answers'),
  found('clock', 'clock_differs', 'yours is ahead', 'timedatectl set-ntp true'),
  found('grants', 'no_grant', 'nobody names you', 'Ask its owner.', 'Or look:\nhere'),
  found('executor', 'not_readable', 'you may not'),
];

function of(code: DoctorCode): Finding {
  return found('connect', code, '');
}

describe('the report of doctor', () => {
  it('has a line for each check, the code of what is not well, and below it what to do', () => {
    expect(textReport(findings, { colour: false })).toBe(
      [
        '  ✓ Registry: it answers',
        '  ! Clock: yours is ahead (clock_differs)',
        '      timedatectl set-ntp true',
        '  ✗ Grants: nobody names you (no_grant)',
        '      Ask its owner.',
        '      Or look:',
        '      here',
        '  ? Executor: you may not',
        '',
      ].join('\n'),
    );
  });

  it('has colour only where it was asked for', () => {
    expect(textReport(findings, { colour: true })).toContain('\u001b[31m✗\u001b[0m');
  });

  it('says the same to machines', () => {
    expect(jsonReport(findings, 'team-a/build')).toMatchObject({
      environment: 'team-a/build',
      checks: [
        { check: 'registry', code: 'registry_answers', result: 'ok' },
        {},
        { result: 'failure', todo: ['Ask its owner.', 'Or look:\nhere'] },
        {},
      ],
      exitCode: 4,
    });
  });
});

describe('the exit code of doctor', () => {
  it.each([
    ['warnings and what is not known are no failure', ['clock_differs', 'not_readable', 'connect_allowed'], 0],
    ['something is broken', ['registry_unreachable'], 1],
    ['it only takes time', ['environment_offline', 'executor_waits'], 3],
    ['somebody said no', ['no_grant', 'not_authorized'], 4],
    ['a refusal counts more than what is broken', ['executor_stalled', 'not_authorized'], 4],
    ['what is broken counts more than what takes time', ['executor_waits', 'relay_failed'], 1],
  ] as const)('%s', (_name, codes, exitCode) => {
    expect(exitCodeOfFindings(codes.map(of))).toBe(exitCode);
  });

  it('is there for each failure', () => {
    const without = Object.entries(DOCTOR_CODES).filter(
      ([, meaning]) => meaning.result === 'failure' && !('exitCode' in meaning),
    );
    expect(without).toEqual([]);
  });
});

it.each([
  [400, '0 seconds'],
  [1_000, '1 second'],
  [-61_000, '1 minute'],
  [7_200_000, '2 hours'],
  [90 * 86_400_000, '90 days'],
])('tells %i ms as %s', (milliseconds, words) => {
  expect(spanOf(milliseconds)).toBe(words);
});
