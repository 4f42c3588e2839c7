import type { ExecutorLayout, StateLayout } from '../state/layout.ts';

/** How children are started and what they are told. Arguments can be read by everybody on the machine: no secret is among them. */
export interface CommandLine {
  /** Node and the entry point. */
  readonly program: readonly string[];
  readonly logLevel: string;
}

/** What every part of ours is told. */
function common({ logLevel }: CommandLine): string[] {
  return ['--log-level', logLevel, '--exit-on-stdin-close'];
}

export interface RegistryPlace {
  readonly listen: string;
  readonly admin: string;
  readonly relayUrl: string;
}

export function registryCommand(
  line: CommandLine,
  layout: StateLayout,
  { listen, admin, relayUrl }: RegistryPlace,
): string[] {
  return [
    ...line.program,
    'registry',
    ...['--listen', listen, '--admin-listen', admin, '--relay-url', relayUrl],
    ...['--directory-file', layout.directoryFile, '--ticket-keys-file', layout.ticketKeysFile],
    ...['--presence-secret-file', layout.presenceSecretFile],
    ...common(line),
  ];
}

export interface RelayPlace {
  readonly listen: string;
  readonly admin: string;
  readonly registryUrl: string;
}

export function relayCommand(
  line: CommandLine,
  layout: StateLayout,
  { listen, admin, registryUrl }: RelayPlace,
): string[] {
  return [
    ...line.program,
    'relay',
    ...['--listen', listen, '--admin-listen', admin, '--registry-url', registryUrl],
    // It is the only one: its streams have nowhere to go.
    ...['--presence-secret-file', layout.presenceSecretFile, '--drain-time', '0s'],
    ...common(line),
  ];
}

export interface ExecutorPlace {
  readonly environmentId: string;
  readonly runtime: 'BuiltIn' | 'Codex';
  readonly sandbox: 'container' | 'enforce';
  readonly admin: string;
  readonly registryUrl: string;
  readonly execServerUrl: string;
}

export function sidecarCommand(line: CommandLine, layout: ExecutorLayout, place: ExecutorPlace): string[] {
  return [
    ...line.program,
    'executor',
    ...['--environment-id', place.environmentId, '--runtime', place.runtime, '--sandbox', place.sandbox],
    ...['--registry-url', place.registryUrl, '--token-file', layout.tokenFile],
    ...['--keys-dir', layout.keys, '--state-dir', layout.sidecar],
    ...['--exec-server-url', place.execServerUrl, '--admin-listen', place.admin],
    ...common(line),
  ];
}

export function execServerCommand(line: CommandLine, layout: ExecutorLayout, place: ExecutorPlace): string[] {
  return [
    ...line.program,
    'exec-server',
    ...['--listen', place.execServerUrl, '--token-sha256-file', layout.execServerDigest],
    ...['--sandbox', place.sandbox, '--spill-dir', layout.spill],
    ...common(line),
  ];
}

/** A real `codex exec-server`, held on a leash because it knows nothing of our standard input. A digest is no secret. */
export function codexCommand(line: CommandLine, place: ExecutorPlace, codex: string, tokenDigest: string): string[] {
  return [
    ...line.program,
    'leash',
    '--',
    codex,
    'exec-server',
    ...['--listen', place.execServerUrl, '--ws-auth', 'capability-token', '--ws-token-sha256', tokenDigest],
  ];
}
