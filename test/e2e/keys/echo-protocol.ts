import { z } from 'zod';

/** What the program in the Pod is asked for, as its argument. */
export const order = z.strictObject({
  registryURL: z.string(),
  environment: z.string(),
  sessions: z.int(),
  /** Whether it asks again and again which key a new harness is given. */
  asks: z.boolean(),
});
export type Order = z.infer<typeof order>;

const sessionEnd = z.strictObject({
  sentBytes: z.number(),
  receivedBytes: z.number(),
  /** Whether what came back is, byte for byte, what was sent. */
  same: z.boolean(),
  /** Connections that it had; one, when nothing happened to it. */
  connections: z.number(),
  /** Why it ended, if it did by itself. */
  error: z.string().optional(),
});
export type SessionEnd = z.infer<typeof sessionEnd>;

/** A line of the program. */
export const answer = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('streaming'), fingerprints: z.array(z.string()) }),
  /** When a new harness was given a key for the first time, by its fingerprint; and connections that failed, by what they met. */
  z.strictObject({
    type: z.literal('served'),
    firstAt: z.record(z.string(), z.number()),
    failed: z.record(z.string(), z.number()),
  }),
  /** When each session lost its connection first, of those that did, by the clock of the machine. */
  z.strictObject({ type: z.literal('cuts'), at: z.array(z.number()) }),
  z.strictObject({ type: z.literal('end'), sessions: z.array(sessionEnd) }),
]);
export type Answer = z.infer<typeof answer>;
