import { z } from 'zod';

/** What the program in the Pod is asked for, as its argument. */
export const order = z.strictObject({
  registryURL: z.string(),
  caFile: z.string(),
  tokenFile: z.string(),
  /** Environment ids, over which the sessions are spread. */
  environments: z.array(z.string()).min(1),
  sessions: z.int(),
  /** How many of them never fall silent. */
  restless: z.int(),
});
export type Order = z.infer<typeof order>;

/** What happened since the question before. Milliseconds. */
const window = z.strictObject({
  /** The longest time in which a session got nothing, of each. */
  silencesMs: z.array(z.number()),
  /** Sessions that lost a connection, and connections that were lost. */
  moved: z.number(),
  losses: z.number(),
  /** Attempts to come back that did not succeed, by what they met. */
  retries: z.record(z.string(), z.number()),
  /** The longest that one of the short commands took. */
  commandMs: z.number(),
});
export type Window = z.infer<typeof window>;

const sessionEnd = z.strictObject({
  /** `complete`, or what is wrong. */
  verdict: z.string(),
  lines: z.number(),
  connections: z.number(),
  /** How often a connection led to a new session. */
  sessionsLost: z.number(),
  /** Why connections ended, and how often. */
  why: z.record(z.string(), z.number()),
});
export type SessionEnd = z.infer<typeof sessionEnd>;

const commandCount = z.strictObject({
  acknowledged: z.number(),
  /** By the code of the error. */
  failed: z.record(z.string(), z.number()),
  /** Acknowledged, and left no trace. */
  missing: z.number(),
  /** Left more than one trace. */
  twice: z.number(),
});
export type CommandCount = z.infer<typeof commandCount>;

/** A line of the program. */
export const answer = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('streaming') }),
  z.strictObject({ type: z.literal('window'), window }),
  z.strictObject({ type: z.literal('end'), sessions: z.array(sessionEnd), commands: z.array(commandCount) }),
]);
export type Answer = z.infer<typeof answer>;
