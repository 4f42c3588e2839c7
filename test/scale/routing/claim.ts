import { decodeJwt } from 'jose';
import { z } from 'zod';

const claimSchema = z.object({
  environmentId: z.string(),
  registrationId: z.string(),
  bootId: z.string(),
  address: z.string(),
  jti: z.string(),
});

/** Whom a harness's ticket is for. It goes along in every frame, so that whoever gets one can tell whether it is his. */
export type Claim = z.infer<typeof claimSchema>;

export function claimOf(relayUrl: string): Claim {
  return claimSchema.parse(decodeJwt(new URL(relayUrl).searchParams.get('ticket') ?? ''));
}

export function encodeClaim(claim: Claim): Uint8Array {
  return Buffer.from(JSON.stringify(claim));
}

export function decodeClaim(payload: Uint8Array): Claim {
  return claimSchema.parse(JSON.parse(Buffer.from(payload).toString('utf8')));
}

/** What differs, in words; undefined when they are for the same. */
export function differenceOf(ticket: Claim, here: Partial<Claim>): string | undefined {
  const found = new Map(Object.entries(here));
  const different = Object.entries(ticket).filter(([name, wanted]) => (found.get(name) ?? wanted) !== wanted);
  if (different.length === 0) return undefined;
  return different.map(([name, wanted]) => `${name} ${found.get(name)} instead of ${wanted}`).join(', ');
}
