import { EXIT } from '../exit.ts';

/**
 * `ok`; `warning`: it works, and will not for ever; `failure`: it does not work, and something mends it; `unknown`: could not be looked at,
 * which is never the same as well.
 */
export type Result = 'ok' | 'warning' | 'failure' | 'unknown';

interface Meaning {
  readonly result: Result;
  /** Of a failure: what `doctor` ends with because of it. */
  readonly exitCode?: number;
}

const ok = { result: 'ok' } as const;
const warning = { result: 'warning' } as const;
const unknown = { result: 'unknown' } as const;
const failed = { result: 'failure', exitCode: EXIT.failed } as const;
const waits = { result: 'failure', exitCode: EXIT.notReady } as const;
const refused = { result: 'failure', exitCode: EXIT.refused } as const;

/**
 * Every code of `doctor` with its result. They are API, as the registry's are, whose own names stand here under `connect`; what each means and
 * what to do is in `docs/doctor.md`, which a test compares with this list.
 */
export const DOCTOR_CODES = {
  // -- registry: is it there?
  registry_answers: ok,
  registry_not_found: failed,
  registry_unreachable: failed,
  not_a_registry: failed,
  // -- tls
  certificate_trusted: ok,
  plaintext_on_loopback: ok,
  plaintext: warning,
  certificate_ends_soon: warning,
  certificate_untrusted: failed,
  certificate_expired: failed,
  certificate_of_another_name: failed,
  // -- clock
  clock_agrees: ok,
  clock_differs: warning,
  // -- identity
  token_fits: ok,
  token_ends_soon: warning,
  token_opaque: unknown,
  token_unavailable: failed,
  other_audience: refused,
  several_audiences: refused,
  not_a_service_account: refused,
  // -- executor
  executor_ready: ok,
  executor_waits: waits,
  executor_not_ready: failed,
  executor_stalled: failed,
  executor_not_found: failed,
  // -- grants
  grant_in_force: ok,
  grant_ends_soon: warning,
  no_grant: refused,
  grant_expired: refused,
  grant_selects_others: refused,
  // -- connect; the registry's own codes (docs/refusals.md)
  connect_allowed: ok,
  token_invalid: refused,
  token_expired: refused,
  not_authorized: refused,
  environment_offline: waits,
  not_synced: waits,
  rate_limited: waits,
  key_not_pinned: refused,
  connect_failed: failed,
  // -- channel
  channel_active: ok,
  executor_credential_rejected: failed,
  relay_failed: failed,
  handshake_failed: failed,
  round_trip_done: ok,
  round_trip_failed: failed,
  // -- remote-security
  handshake_hybrid: ok,
  forward_secret: ok,
  key_current: ok,
  key_pinned: ok,
  rotation_overdue: warning,
  key_not_listed: failed,
  key_revoked: failed,
  clients_listed: ok,
  clients_anybody: warning,
  // -- the cluster
  crds_installed: ok,
  crds_missing: failed,
  operator_ready: ok,
  operator_not_ready: waits,
  operator_not_found: failed,
  relays_ready: ok,
  relays_not_ready: waits,
  no_relays: warning,
  namespaces_enabled: ok,
  namespace_not_enabled: failed,
  rights_enough: ok,
  rights_missing: warning,
  // -- any check
  not_readable: unknown,
  not_tried: unknown,
  no_cluster: unknown,
} as const satisfies Record<string, Meaning>;

export type DoctorCode = keyof typeof DOCTOR_CODES;

export function isDoctorCode(text: string): text is DoctorCode {
  return Object.hasOwn(DOCTOR_CODES, text);
}

export function meaningOf(code: DoctorCode): Meaning {
  return DOCTOR_CODES[code];
}
