import type { Executor } from '../../api/index.ts';
import { PORTS } from '../children/ports.ts';
import { PATHS } from './places.ts';

/**
 * Commands run as the same user, and could otherwise have Node open its debugger by a signal: with it, the token that the sidecar showed.
 */
const NODE_FLAGS = ['--disable-sigusr1'];

/**
 * Our program by the Node that the init container has installed, started through its own loader and with its own libraries: works in images with
 * glibc, with musl, and with no libc at all. No variable is set, so commands inherit none.
 */
export function withTools(args: readonly string[]): string[] {
  const { tools } = PATHS;
  const node = [`${tools}/loader`, '--library-path', `${tools}/lib`, `${tools}/node`, ...NODE_FLAGS];
  return [...node, `${tools}/app/main.js`, ...args];
}

/** What the workspace container runs. */
export function workspaceCommand({ runtime, sandbox, workspace }: Executor['spec']): string[] {
  const listen = `ws://127.0.0.1:${PORTS.execServer}`;
  const digest = `${PATHS.handOver}/exec-server-token.sha256`;
  if (runtime.type === 'Codex') {
    // Where the image brings its own, it is found by PATH.
    const codex = runtime.codex.image === undefined ? 'codex' : PATHS.codex;
    const program = ['--tools', PATHS.tools, '--program', codex];
    return withTools(['codex-exec-server', '--listen', listen, '--token-sha256-file', digest, ...program]);
  }
  return withTools([
    'exec-server',
    ...['--listen', listen, '--token-sha256-file', digest],
    ...['--sandbox', sandbox.mode === 'Enforce' ? 'enforce' : 'container'],
    ...['--tools', PATHS.tools, '--spill-dir', PATHS.spill, '--workspace', workspace.path],
  ]);
}
