import type { Result } from './codes.ts';
import { CHECKS, exitCodeOfFindings, type Finding, resultOf } from './finding.ts';

const MARKS: Readonly<Record<Result, string>> = { ok: '✓', warning: '!', failure: '✗', unknown: '?' };

/** SGR codes (ECMA-48): green, yellow, red, and faint for what is not known. */
const COLOURS: Readonly<Record<Result, string>> = { ok: '32', warning: '33', failure: '31', unknown: '2' };

/** For people: a line for each check, and below it what to do. */
export function textReport(findings: readonly Finding[], { colour }: { readonly colour: boolean }): string {
  return findings.map((finding) => `${lineOf(finding, colour)}\n${finding.todo.map(todoLine).join('')}`).join('');
}

function lineOf(finding: Finding, colour: boolean): string {
  const result = resultOf(finding);
  const mark = colour ? `\u001b[${COLOURS[result]}m${MARKS[result]}\u001b[0m` : MARKS[result];
  const code = result === 'failure' || result === 'warning' ? ` (${finding.code})` : '';
  return `  ${mark} ${CHECKS[finding.check]}: ${finding.says}${code}`;
}

function todoLine(text: string): string {
  return `      ${text.replaceAll('\n', '\n      ')}\n`;
}

/** For machines: stable, documented in `docs/doctor.md`. */
export interface JsonReport {
  /** `NAMESPACE/NAME`; absent when the cluster was looked at. */
  readonly environment?: string;
  readonly checks: readonly {
    readonly check: string;
    readonly code: string;
    readonly result: Result;
    readonly message: string;
    readonly todo: readonly string[];
  }[];
  readonly exitCode: number;
}

export function jsonReport(findings: readonly Finding[], environment: string | undefined): JsonReport {
  return {
    ...(environment !== undefined && { environment }),
    checks: findings.map((finding) => ({
      check: finding.check,
      code: finding.code,
      result: resultOf(finding),
      message: finding.says,
      todo: finding.todo,
    })),
    exitCode: exitCodeOfFindings(findings),
  };
}
