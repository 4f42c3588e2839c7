/** What a terminal would obey, what ends a line, or what turns the order of letters round. */
const CONTROLS = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Words that others wrote, on one line and harmless to whoever prints them. */
export function withoutControls(text: string, instead: string): string {
  return text.toWellFormed().replace(CONTROLS, instead);
}

/** Who asked for something about a key, as far as that is known: a claim is called one. Undefined where nobody is named. */
export function requesterText({
  requestedBy,
  requester,
}: {
  readonly requestedBy?: string | undefined;
  readonly requester?: 'Verified' | 'Unverified' | undefined;
}): string | undefined {
  return requestedBy === undefined || requester === 'Verified' ? requestedBy : `${requestedBy} (unverified)`;
}
