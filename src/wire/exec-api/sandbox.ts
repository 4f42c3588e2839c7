import { z } from 'zod';

const uri = z.string();
const access = z.enum(['read', 'write', 'deny']);

const specialPath = z.object({
  kind: z.enum(['root', 'project_roots', 'tmpdir', 'slash_tmp', 'minimal']),
  subpath: z.string().nullish(),
});

const sandboxedPath = z.discriminatedUnion('type', [
  z.object({ type: z.literal('special'), value: specialPath }),
  z.object({ type: z.literal('path'), path: uri }),
  z.object({ type: z.literal('glob_pattern'), pattern: z.string() }),
]);

const fileSystem = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('restricted'),
    entries: z.array(z.object({ path: sandboxedPath, access, missing_path_behavior: z.enum(['skip']).nullish() })),
  }),
  z.object({ type: z.literal('unrestricted') }),
]);

const network = z.enum(['restricted', 'enabled']);

const permissions = z.discriminatedUnion('type', [
  z.object({ type: z.literal('managed'), file_system: fileSystem, network }),
  z.object({ type: z.literal('disabled') }),
  z.object({ type: z.literal('external'), network: network.nullish() }),
]);

/**
 * A sandbox request that somebody is to enforce (contract §9.4). Every kind that is not listed fails to parse: what cannot be enforced
 * must be refused, so nothing here is lenient but members that only Windows or a proxy uses.
 */
export const sandboxRequest = z.object({
  permissions,
  cwd: uri.nullish(),
  workspaceRoots: z.array(uri).nullish(),
});

export type SandboxRequest = z.infer<typeof sandboxRequest>;

/**
 * The `sandbox` member as it travels: any object, kept whole, so that a sidecar can pass on or take out what it does not judge. Null in
 * the harness's danger-full-access mode.
 */
export const sandboxField = z.looseObject({}).nullish();
