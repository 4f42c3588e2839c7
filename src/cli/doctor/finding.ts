import { EXIT } from '../exit.ts';
import { type DoctorCode, meaningOf, type Result } from './codes.ts';

/** What is looked at, with the words that people see. */
export const CHECKS = {
  registry: 'Registry',
  tls: 'TLS',
  clock: 'Clock',
  identity: 'Identity',
  executor: 'Executor',
  grants: 'Grants',
  connect: 'Connect',
  channel: 'Noise relay channel',
  round_trip: 'Round trip',
  handshake: 'Handshake pattern',
  forward_secrecy: 'Forward secrecy',
  static_key: 'Static key',
  clients: 'Authorized clients',
  crds: 'Resource definitions',
  operator: 'Operator',
  relays: 'Relays',
  namespaces: 'Namespaces',
  rights: 'Your rights',
} as const;

export type CheckName = keyof typeof CHECKS;

/** What one check found. */
export interface Finding {
  readonly check: CheckName;
  readonly code: DoctorCode;
  /** What is, and why: sentences without the name of the check. Never a token, a ticket or a key. */
  readonly says: string;
  /** Commands and fields that mend it, the likeliest first. */
  readonly todo: readonly string[];
}

export function found(check: CheckName, code: DoctorCode, says: string, ...todo: readonly string[]): Finding {
  return { check, code, says, todo };
}

export function resultOf({ code }: Finding): Result {
  return meaningOf(code).result;
}

/** Somebody who said no counts more than what is broken, and that more than what only takes time. Warnings and what is not known are no failure. */
const GRAVEST_FIRST = [EXIT.refused, EXIT.failed, EXIT.notReady] as const;

/** What `doctor` ends with (`EXIT`). */
export function exitCodeOfFindings(findings: readonly Finding[]): number {
  const codes = new Set(findings.map(({ code }) => meaningOf(code).exitCode));
  return GRAVEST_FIRST.find((code) => codes.has(code)) ?? EXIT.done;
}
