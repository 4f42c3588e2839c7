/** How long generated certificates live, in milliseconds. */
export interface TlsTimes {
  readonly authorityLifeMs: number;
  readonly leafLifeMs: number;
  /**
   * How long a new authority stands in the bundle before it signs, and the one before it stays after that: every reader of the bundle has
   * surely seen the new one by then.
   */
  readonly announceMs: number;
}

const DAY_MS = 86_400_000;

export const TLS_TIMES: TlsTimes = {
  authorityLifeMs: 3 * 365 * DAY_MS,
  leafLifeMs: 90 * DAY_MS,
  // The kubelet refreshes ConfigMap volumes within about two minutes; hosts outside fetch their bundle by hand.
  announceMs: 7 * DAY_MS,
};

/** Less is never enough: every file that is followed may be looked at only so often. Milliseconds. */
const LEAST_ANNOUNCE_MS = 10_000;

/** What is wrong with these times, for people, or undefined. Renewal begins with a third of a life left, and has to have arrived by its end. */
export function tlsTimesProblem({ authorityLifeMs, leafLifeMs, announceMs }: TlsTimes): string | undefined {
  if (announceMs < LEAST_ANNOUNCE_MS) return 'the announcement of an authority takes 10s at least';
  if (leafLifeMs < 3 * announceMs) return 'a certificate lives for three times the announcement at least';
  // Within its last third the next one is announced, takes over, and is alone.
  if (authorityLifeMs < 6 * announceMs) return 'an authority lives for six times its announcement at least';
  if (authorityLifeMs < 2 * leafLifeMs) return 'an authority lives for twice the life of a certificate at least';
  return undefined;
}
