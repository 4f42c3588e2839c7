import { z } from 'zod';
import { MAX_TICKET_LENGTH } from '../limits.ts';
import { shortText } from '../own/fields.ts';

const claims = z.object({ identityHash: shortText, jti: shortText });

/**
 * Reads a harness ticket without its signature. Good for one thing: to refuse at once what would be refused after the check as well, since
 * the check costs far more. Never a reason to accept anything, or to count it for the identity that it names. Undefined when it is no ticket.
 */
export function readUncheckedHarnessTicket(token: string): z.infer<typeof claims> | undefined {
  if (token.length > MAX_TICKET_LENGTH) return undefined;
  const start = token.indexOf('.') + 1;
  const end = token.indexOf('.', start);
  if (start === 0 || end < 0) return undefined;
  try {
    const text = Buffer.from(token.slice(start, end), 'base64url').toString();
    return claims.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
