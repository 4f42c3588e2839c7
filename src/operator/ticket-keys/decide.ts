import { TICKET_KEY_ACCEPTED_SECONDS } from '../../wire/index.ts';

/** The part of a ticket key that decides (`our-side.md` §2). Times in seconds since the epoch, as in the file. */
export interface ObservedTicketKey {
  readonly kid: string;
  /** Signs from here on. */
  readonly notBefore: number;
  /** Signs no more from here on. */
  readonly retireAt?: number;
}

export interface TicketKeyTimes {
  /** How long one key signs. Seconds. */
  readonly periodSeconds: number;
  /** How long a new key is known before it signs: every replica must have loaded it by then. Seconds. */
  readonly announceSeconds: number;
  /** How long a public half is accepted after its last signature. Seconds. */
  readonly acceptedSeconds: number;
}

const DAY = 86_400;

export const TICKET_KEY_TIMES: TicketKeyTimes = {
  periodSeconds: 30 * DAY,
  // The kubelet refreshes Secret volumes within about two minutes (measured: 57 to 77 s); a tight node may take some more.
  announceSeconds: 600,
  acceptedSeconds: TICKET_KEY_ACCEPTED_SECONDS,
};

export interface TicketKeyActions {
  /** A new key that signs from then on. The first one is dated back: nobody has to wait for it, whatever his clock says. */
  readonly add?: { readonly notBefore: number };
  /** The key that stops signing then, because the new one starts. */
  readonly retire?: { readonly kid: string; readonly at: number };
  /** Keys whose last signature nobody accepts any more. */
  readonly drop: readonly string[];
  /** When to look again. Seconds. */
  readonly nextTime: number;
}

/** What has to change in the Secret of ticket keys. The old key signs until the very second in which the new one starts. */
export function decideTicketKeys(
  keys: readonly ObservedTicketKey[],
  { periodSeconds, announceSeconds, acceptedSeconds }: TicketKeyTimes,
  now: number,
): TicketKeyActions {
  const forgottenAt = ({ retireAt = Number.POSITIVE_INFINITY }: ObservedTicketKey) => retireAt + acceptedSeconds;
  const drop = keys.filter((key) => forgottenAt(key) <= now).map(({ kid }) => kid);
  const ends = keys.map(forgottenAt).filter((time) => time > now);
  const [current] = keys.filter(({ retireAt }) => retireAt === undefined).toSorted((a, b) => b.notBefore - a.notBefore);
  if (current === undefined) {
    return { add: { notBefore: now - announceSeconds }, drop, nextTime: Math.min(now + announceSeconds, ...ends) };
  }
  const dueTime = current.notBefore + periodSeconds - announceSeconds;
  if (now < dueTime) return { drop, nextTime: Math.min(dueTime, ...ends) };
  const at = Math.max(now + announceSeconds, current.notBefore + periodSeconds);
  return { add: { notBefore: at }, retire: { kid: current.kid, at }, drop, nextTime: Math.min(at, ...ends) };
}
