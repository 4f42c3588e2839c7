import { z } from 'zod';
import { type Incarnation, isIncarnation } from '../../wire/index.ts';

const claims = z.object({ incarnation: z.custom<Incarnation>(isIncarnation) });

/** The ticket in a relay URL that the registry gave us; undefined when that registry puts it elsewhere. */
export function ticketIn(url: string): string | undefined {
  return URL.parse(url)?.searchParams.get('ticket') ?? undefined;
}

/**
 * Which incarnation the registry took us for. Read from our own ticket without checking its signature: it decides only which denies are
 * about us, and comes from the registry that sends those.
 */
export function incarnationIn(ticket: string): Incarnation | undefined {
  const payload = ticket.split('.')[1] ?? '';
  try {
    return claims.safeParse(JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'))).data?.incarnation;
  } catch {
    return undefined;
  }
}
