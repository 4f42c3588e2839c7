import { z } from 'zod';

const roundTrip = z.object({
  /** How many of the last pings these are of. */
  samples: z.number(),
  p50Milliseconds: z.number(),
  p99Milliseconds: z.number(),
});

/** What a relay says of itself on its control socket. Fields are API: one may be added, none renamed. */
export const relayStatus = z.object({
  version: z.literal(1),
  bootId: z.string(),
  startTime: z.string(),
  ready: z.boolean(),
  /** What is missing, when it is not. */
  notReadyReason: z.string().optional(),
  /** Absent before a drain. */
  drain: z
    .object({
      startTime: z.string(),
      /** Streams of the begin. */
      streams: z.number(),
      /** True when nobody is left, or the time is over. */
      ended: z.boolean(),
    })
    .optional(),
  registries: z.number(),
  executors: z.number(),
  harnesses: z.number(),
  /** Harnesses passed on to other relays. */
  splices: z.number(),
  /** Connections that have not asked for anything yet. */
  unfinished: z.number(),
  streams: z.number(),
  /** What peers have not taken yet. */
  backlog: z.object({ towardHarnessesBytes: z.number(), towardExecutorsBytes: z.number() }),
  roundTrips: z.object({ executors: roundTrip.optional(), harnesses: roundTrip.optional() }),
  limits: z.record(z.string(), z.number()),
});
export type RelayStatus = z.infer<typeof relayStatus>;
