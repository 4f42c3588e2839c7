/**
 * Why a registry or relay refuses, as `error.code` of the body `{"error":{"code","message"}}` (our-side §5). The code is API:
 * clients decide by it, people read the message beside it.
 */
export type RefusalCode =
  // -- any call of the registry
  /** 400. The body is not what the route wants. Mend the client. */
  | 'bad_request'
  /** 401. No bearer, or one that nobody issued. On `validate` 401 means exactly this: the executor's own credential is proven bad. */
  | 'token_invalid'
  /** 401. A credential that was good once. `noisefleet run` and `noisefleet join` renew it; a bare environment variable cannot. */
  | 'token_expired'
  /** 404. No such route, or an environment that this executor credential does not name. */
  | 'not_found'
  /** 413. Body over `MAX_REGISTRY_BODY_BYTES`. */
  | 'body_too_large'
  /** 429 with `Retry-After`. Over a limit of our-side §11. */
  | 'rate_limited'
  /** 503. The registry does not know enough to answer: its sources are not loaded. Retry. */
  | 'not_synced'
  // -- connect
  /** 403. Not authorized, or unknown to this identity: one body for both, so that nobody learns names. */
  | 'not_authorized'
  /** 409. Known and allowed, but on no live socket. The only 409 that a real harness retries. */
  | 'environment_offline'
  // -- validate
  /** 503. The registry cannot tell now whether the authorization is good. Not a failed handshake. */
  | 'cannot_validate'
  // -- register
  /** 409. The pod is not yet the fence, or its key's fingerprint is not yet seen here. Ours retries. */
  | 'not_admitted_yet'
  /** 403, on executor upgrades too. Another incarnation took the place. Ours ends its processes and stops. */
  | 'superseded'
  /** 403. The key is not Prepared, Active or Retiring. */
  | 'key_not_current'
  /** 409. `External`: the claim of another process stands and answers (our-side §9). */
  | 'environment_in_use'
  // -- upgrades at a relay
  /** 403 for executors, 401 for harnesses. The ticket is forged, of another `typ`, or not a ticket. */
  | 'ticket_invalid'
  /** The same statuses. A good ticket after its time. Executors register again, harnesses ask `connect` again. */
  | 'ticket_expired'
  /** 401. The ticket's `jti` was consumed: one socket each. */
  | 'ticket_used'
  /** 401. The ticket names another life of a relay. */
  | 'wrong_relay'
  /** 401. The ticket names another relay, which this one could not reach. Registries hear of it; ask `connect` again. */
  | 'relay_unreachable'
  /** 401. The registration is on no socket here, and did not come back in time. */
  | 'executor_gone'
  /** 403. The registration, incarnation, fingerprint or grant was denied. */
  | 'revoked'
  /** 409. This relay already holds a socket of this registration, and the dial listed it. */
  | 'already_here'
  /** 503 for executors, 401 for harnesses. The relay is going away: dial elsewhere. */
  | 'draining'
  /** 503 for executors, 401 for harnesses. Over a limit of this process. */
  | 'overloaded';

/** The payload of message 2 when the executor's own credential was refused (contract §2.4): final for the harness. */
export const REGISTRY_AUTHENTICATION_REJECTED = 'codex-registry-authentication-rejected/v1';

/** The reset reason that a real executor always gives (contract §7.2). Reasons are unauthenticated and decide nothing. */
export const RESET_PROTOCOL_ERROR = 'noise_relay_protocol_error';

/** Our sidecar's reset reason when `validate` could not be decided: the relay then counts no failed handshake (our-side §11). */
export const RESET_REGISTRY_UNAVAILABLE = 'registry_unavailable';
