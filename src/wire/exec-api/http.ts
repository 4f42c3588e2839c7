import { z } from 'zod';

/** Decoded bytes of one piece of a streamed body (contract §9.5). */
export const MAX_BODY_DELTA_BYTES = 1_048_576;

const base64 = z.string();
const header = z.object({ name: z.string(), value: z.string() });

/** `http/request` (contract §9.5). */
export const HTTP_METHODS = {
  'http/request': {
    params: z.object({
      method: z.string().min(1),
      /** http or https. */
      url: z.string().min(1),
      requestId: z.string(),
      /** `valueEnvVar` only goes to an executor that reports `httpHeaderEnvVars`. */
      headers: z.array(header.extend({ valueEnvVar: z.string().nullish() })).default([]),
      bodyBase64: base64.nullish(),
      /** Absent: no limit. */
      timeoutMs: z.number().int().nonnegative().nullish(),
      redirectPolicy: z.enum(['follow', 'stop']).default('follow'),
      streamResponse: z.boolean().default(false),
    }),
    result: z.object({ status: z.number().int(), headers: z.array(header), bodyBase64: base64 }),
  },
};

/** Executor → harness, for a streamed response; `seq` from 1. The last has `done` or `error`. */
export const HTTP_NOTIFICATIONS = {
  'http/request/bodyDelta': z.object({
    requestId: z.string(),
    seq: z.number().int().positive(),
    deltaBase64: base64,
    done: z.boolean(),
    error: z.string().nullish(),
  }),
};
