import { RESERVED_PREFIX } from '../../api/index.ts';

/** Containers of ours; the prefix is refused in templates. */
export const CONTAINERS = {
  install: `${RESERVED_PREFIX}install`,
  installCodex: `${RESERVED_PREFIX}install-codex`,
  sidecar: `${RESERVED_PREFIX}sidecar`,
} as const;

/** Volumes of ours, and who mounts them. */
export const VOLUMES = {
  /** Node, its loader and libraries, the exec-server. Workspace, read-only. */
  tools: `${RESERVED_PREFIX}tools`,
  /** Private keys. Sidecar only. */
  keys: `${RESERVED_PREFIX}keys`,
  /** The token that registers. Sidecar only. */
  token: `${RESERVED_PREFIX}token`,
  /** Certificates to trust. Sidecar only. */
  bundle: `${RESERVED_PREFIX}bundle`,
  /** The exec-server's token and the session table, in memory. Sidecar only. */
  state: `${RESERVED_PREFIX}state`,
  /** The digest of that token: the sidecar writes it, the workspace reads it. */
  handOver: `${RESERVED_PREFIX}hand-over`,
  /** Output that nobody fetched yet. Workspace. */
  spill: `${RESERVED_PREFIX}spill`,
  /** Temporary files of commands, where the image's root is read-only. Workspace. */
  temporary: `${RESERVED_PREFIX}temporary`,
  /** Where commands work. Workspace. */
  workspace: `${RESERVED_PREFIX}workspace`,
} as const;

/**
 * How a sidecar is started in place of the image's entry point: with a young generation of at most 1 MB. What it forwards lies outside of it;
 * with Node's own limit of 16 MB an idle sidecar holds 5 MB more, and there is one for every executor. One thread for V8's own work instead of
 * four is another megabyte.
 */
export const SIDECAR_COMMAND = ['node', '--max-semi-space-size=1', '--v8-pool-size=1', '/app/main.js'] as const;

/** Where they are mounted. */
export const PATHS = {
  tools: '/noisefleet',
  codex: '/noisefleet/codex',
  keys: '/etc/noisefleet/keys',
  bundle: '/etc/noisefleet/ca',
  token: '/var/run/secrets/noisefleet/registry',
  state: '/var/lib/noisefleet',
  handOver: '/var/run/noisefleet',
  spill: '/var/spool/noisefleet',
  temporary: '/tmp',
} as const;
