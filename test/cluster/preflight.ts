import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Something about this machine that the cluster cannot do without, and what mends it. */
export class PreflightError extends Error {
  override readonly name = 'PreflightError';
  readonly code: 'not_root' | 'not_linux' | 'missing_commands' | 'no_go';

  constructor(code: PreflightError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** One command of each Debian package that `scripts/install-debian.sh` installs. */
const COMMANDS = [
  ...['containerd', 'runc', 'iptables', 'conntrack', 'ipset', 'ip', 'nsenter', 'pgrep', 'openssl'],
  ...['curl', 'jq', 'buildah', 'busybox', 'musl-gcc'],
];

/** @throws {PreflightError} unless run by root on Linux: a node needs namespaces, mounts and cgroups */
export function requireRoot(): void {
  if (process.platform !== 'linux') throw new PreflightError('not_linux', 'the test cluster needs Linux (Debian 12)');
  if (process.getuid?.() === 0) return;
  throw new PreflightError(
    'not_root',
    'run as root: nodes need namespaces, mounts and cgroups. Or set KUBECONFIG to a cluster that you have',
  );
}

/** @throws {PreflightError} that names the commands that are missing */
export function requireCommands(path = process.env.PATH ?? ''): void {
  const missing = COMMANDS.filter((command) => !isInstalled(command, path));
  if (!existsSync('/usr/lib/cni/bridge')) missing.push('/usr/lib/cni/bridge');
  if (missing.length === 0) return;
  throw new PreflightError('missing_commands', `not installed: ${missing.join(', ')}\nrun: npm run cluster -- install`);
}

/** @throws {PreflightError} when there is no Go to build with */
export function requireGo(path = process.env.PATH ?? ''): void {
  if (isInstalled('go', path)) return;
  throw new PreflightError('no_go', 'Go 1.26 or newer is needed to build the cluster’s programs: https://go.dev/dl');
}

export function isInstalled(command: string, path: string): boolean {
  return path.split(':').some((folder) => folder !== '' && existsSync(join(folder, command)));
}
