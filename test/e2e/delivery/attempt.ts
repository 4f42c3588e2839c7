import { z } from 'zod';

/** What the program in the Pod is asked for, as its argument. */
export const order = z.strictObject({ registryURL: z.string(), environment: z.string(), askers: z.int() });
export type Order = z.infer<typeof order>;

const times = {
  /** By the clock of the machine, in milliseconds: when `connect` was asked, and when the attempt was over. */
  from: z.number(),
  to: z.number(),
};
const given = {
  ...times,
  /** The registration that was handed out, and the fingerprint of its key. */
  registration: z.string(),
  key: z.string(),
};

/** One new harness. */
const attempt = z.discriminatedUnion('outcome', [
  /** The key that it was given served it: the handshake is done. */
  z.strictObject({ outcome: z.literal('served'), ...given }),
  /** The key that it was given did not. */
  z.strictObject({ outcome: z.literal('failed'), ...given, why: z.string() }),
  /** It was given no key: `409 environment_offline`. */
  z.strictObject({ outcome: z.literal('refused'), ...times, answer: z.string() }),
]);
export type Attempt = z.infer<typeof attempt>;

/** A line of the program. */
export const answer = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('asking') }),
  /** All attempts that ended since it was asked before. */
  z.strictObject({ type: z.literal('attempts'), attempts: z.array(attempt) }),
]);
export type Answer = z.infer<typeof answer>;
