import { z } from 'zod';

/** Absent, null or an object: nothing in it counts. */
const noParams = z.looseObject({}).nullish();
const uri = z.string();

/** Contract §9.2. Only the shell is required. */
export const environmentInfo = z.object({
  shell: z.object({ name: z.string(), path: z.string() }),
  cwd: uri.nullish(),
  userHomeDir: uri.nullish(),
  tempDir: uri.nullish(),
  temporaryDirectories: z.array(uri).nullish(),
  prependPathDirs: z.array(uri).nullish(),
  platformOs: z.string().nullish(),
  executorVersion: z.string().nullish(),
  providerId: z.string().nullish(),
  capabilities: z.record(z.string(), z.boolean()).nullish(),
});
export type EnvironmentInfo = z.infer<typeof environmentInfo>;

/** `initialize` and `environment/*` (contract §9.1, §9.2). */
export const ENVIRONMENT_METHODS = {
  initialize: {
    params: z.object({ clientName: z.string(), resumeSessionId: z.string().nullish() }),
    // `environmentInfo` since about 0.150; without it a harness asks `environment/info`.
    result: z.object({ sessionId: z.string().min(1), environmentInfo: environmentInfo.nullish() }),
  },
  'environment/info': { params: noParams, result: environmentInfo },
  'environment/status': { params: noParams, result: z.object({ status: z.string() }) },
};
