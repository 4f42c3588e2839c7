import { z } from 'zod';
import { sandboxField } from './sandbox.ts';

const seq = z.number().int().nonnegative();
const processId = z.string();
/** Standard base64 with padding; `decodeBase64` checks it. */
const base64 = z.string();
const stream = z.enum(['stdout', 'stderr', 'pty']);

/** How a child's environment is made from the executor's own (contract §9.3); patterns are globs. */
export const envPolicy = z.object({
  inherit: z.enum(['all', 'core', 'none']).default('all'),
  ignoreDefaultExcludes: z.boolean().default(false),
  exclude: z.array(z.string()).default([]),
  set: z.record(z.string(), z.string()).default({}),
  includeOnly: z.array(z.string()).default([]),
});
export type EnvPolicy = z.output<typeof envPolicy>;

const startParams = z.object({
  /** Chosen by the caller, unique in the session. */
  processId,
  argv: z.array(z.string()).min(1),
  cwd: z.string(),
  env: z.record(z.string(), z.string()),
  tty: z.boolean(),
  pipeStdin: z.boolean().default(false),
  arg0: z.string().nullish(),
  envPolicy: envPolicy.nullish(),
  sandbox: sandboxField,
  enforceManagedNetwork: z.boolean().default(false),
  managedNetwork: z.unknown().optional(),
  networkProxy: z.unknown().optional(),
  shellSnapshot: z.unknown().optional(),
  metadata: z.looseObject({ threadId: z.string().nullish(), toolCallId: z.string().nullish() }).nullish(),
});

/** `process/*` requests (contract §9.3). */
export const PROCESS_METHODS = {
  'process/start': {
    params: startParams,
    result: z.object({ processId, sandboxType: z.string().nullish() }),
  },
  'process/read': {
    params: z.object({
      processId,
      /** Chunks with a greater `seq`; 0 is all. */
      afterSeq: seq.nullish(),
      maxBytes: seq.nullish(),
      waitMs: seq.nullish(),
    }),
    result: z.object({
      chunks: z.array(z.object({ seq, stream, chunk: base64 })),
      nextSeq: seq,
      exited: z.boolean(),
      exitCode: z.number().int().nullish(),
      closed: z.boolean(),
      failure: z.string().nullish(),
      sandboxDenied: z.boolean().nullish(),
    }),
  },
  'process/write': {
    /** `writeId` is an idempotency key: one id is applied once. */
    params: z.object({ processId, chunk: base64, writeId: z.string().min(1) }),
    result: z.object({ status: z.enum(['accepted', 'unknownProcess', 'stdinClosed', 'starting']) }),
  },
  'process/signal': { params: z.object({ processId, signal: z.enum(['interrupt']) }), result: z.looseObject({}) },
  'process/terminate': { params: z.object({ processId }), result: z.object({ running: z.boolean() }) },
};

/** Executor → harness. One counter per process covers all three, from 1, without gaps; `closed` is last. */
export const PROCESS_NOTIFICATIONS = {
  'process/output': z.object({ processId, seq, stream, chunk: base64 }),
  'process/exited': z.object({
    processId,
    seq,
    exitCode: z.number().int(),
    sandboxDenied: z.boolean().nullish(),
  }),
  'process/closed': z.object({ processId, seq }),
};
