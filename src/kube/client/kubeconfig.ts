import { existsSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import { delimiter } from 'node:path';
import type { KubeConfig } from '@kubernetes/client-node';
import type { CredentialSource, Credentials } from './credentials.ts';

/** How a kubeconfig is chosen: what kubectl's flags of the same names say. */
export interface KubeconfigOptions {
  /** A file. Absent: the files of `KUBECONFIG`, `~/.kube/config`, and then the pod's ServiceAccount, in this order. */
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
  readonly cluster?: string | undefined;
  readonly user?: string | undefined;
  /** A bearer token instead of what the user of the kubeconfig has. */
  readonly token?: string | undefined;
  /** Act as this user (`Impersonate-User`). */
  readonly impersonate?: string | undefined;
  readonly impersonateGroups?: readonly string[] | undefined;
}

export type KubeconfigErrorCode =
  /** Neither a kubeconfig nor a pod's ServiceAccount is there. */
  | 'no_cluster'
  /** A file is missing or is not a kubeconfig. */
  | 'unreadable'
  /** The context, cluster or user that was asked for is not in the kubeconfig. */
  | 'unknown_name'
  /** The kubeconfig asks for what would send credentials in the clear. */
  | 'insecure';

/** With `unknown_name`: what was asked for, and the names that there are. */
interface UnknownName {
  readonly asked: string;
  readonly known: readonly string[];
}

export class KubeconfigError extends Error {
  override readonly name = 'KubeconfigError';
  readonly code: KubeconfigErrorCode;
  readonly unknown: UnknownName | undefined;

  constructor(code: KubeconfigErrorCode, message: string, options: ErrorOptions & { unknown?: UnknownName } = {}) {
    super(message, options);
    this.code = code;
    this.unknown = options.unknown;
  }
}

export interface Destination {
  readonly server: string;
  /** Of the context, or of the pod; `default` when neither says. */
  readonly namespace: string;
  readonly source: CredentialSource;
}

/** Reads where the cluster is and how to log in. The library is loaded here and nowhere else: it takes more than a second. */
export async function readKubeconfig(options: KubeconfigOptions): Promise<Destination> {
  const { KubeConfig: Config } = await import('@kubernetes/client-node');
  const load = () => loadConfig(() => new Config(), options);
  let config = load();
  const cluster = config.getCurrentCluster();
  if (cluster === null)
    throw new KubeconfigError('unknown_name', 'the current context names no cluster of the kubeconfig');
  const namespace = config.getContextObject(config.getCurrentContext())?.namespace?.trim() || 'default';
  if (cluster.server.startsWith('http:') && !cluster.skipTLSVerify) {
    throw new KubeconfigError('insecure', `${cluster.server} has no TLS: credentials are not sent there`);
  }
  const source: CredentialSource = async ({ afterRefusal }) => {
    // A login program or OIDC keeps its own credential in the loaded configuration, until the server refuses it. Everything else is in files, and
    // the library would hold the token of a file for a minute more.
    if (afterRefusal || !keepsOwnCredential(config)) config = load();
    return credentialsOf(config, options);
  };
  return { server: cluster.server, namespace, source };
}

function loadConfig(empty: () => KubeConfig, options: KubeconfigOptions): KubeConfig {
  const given = options.kubeconfig ?? process.env.KUBECONFIG ?? '';
  // kubectl takes --kubeconfig for one file, whatever its name, and KUBECONFIG for a list.
  const files = options.kubeconfig === undefined ? given.split(delimiter).filter(Boolean) : [given];
  let config: KubeConfig;
  try {
    config = files.length === 0 ? fromDefault(empty()) : merged(files, empty);
  } catch (cause) {
    const what = given || 'the kubeconfig';
    throw new KubeconfigError('unreadable', `${what} cannot be read: ${String(cause)}`, { cause });
  }
  if (config.getCurrentCluster()?.server === NOTHING_FOUND && config.getContexts()[0]?.name === 'loaded-context') {
    throw new KubeconfigError(
      'no_cluster',
      'no kubeconfig (KUBECONFIG, ~/.kube/config) and no ServiceAccount of a pod',
    );
  }
  select(config, options);
  return config;
}

function fromDefault(config: KubeConfig): KubeConfig {
  config.loadFromDefault();
  return config;
}

/**
 * As kubectl reads several files: of two entries of one name the first counts, and of several lists files that are missing are left out
 * (client-go: `loader.go`). The library would take the last current context, refuse a name that is there twice, and fail for a missing file.
 */
function merged(files: readonly string[], empty: () => KubeConfig): KubeConfig {
  const present = files.length === 1 ? files : files.filter((file) => existsSync(file));
  if (present.length === 0) throw new Error('none of these files is there');
  const configs = present.map((file) => {
    const config = empty();
    config.loadFromFile(file);
    return config;
  });
  const all = empty();
  all.loadFromOptions({
    clusters: firstOfName(configs.flatMap(({ clusters }) => clusters)),
    users: firstOfName(configs.flatMap(({ users }) => users)),
    contexts: firstOfName(configs.flatMap(({ contexts }) => contexts)),
    currentContext: configs.map(({ currentContext }) => currentContext).find(Boolean) ?? '',
  });
  return all;
}

function firstOfName<T extends { readonly name: string }>(entries: readonly T[]): T[] {
  return entries.filter((entry, at) => entries.findIndex(({ name }) => name === entry.name) === at);
}

/** What `loadFromDefault` makes up when there is nothing. */
const NOTHING_FOUND = 'http://localhost:8080';

function select(config: KubeConfig, { context, cluster, user }: KubeconfigOptions): void {
  const asked = context ?? config.getCurrentContext();
  if (!asked) throw new KubeconfigError('unknown_name', 'the kubeconfig has no current context: name one');
  checkName('context', asked, config.getContexts());
  config.setCurrentContext(asked);
  const current = config.getContextObject(asked);
  if (current === null || (cluster === undefined && user === undefined)) return;
  if (cluster !== undefined) checkName('cluster', cluster, config.getClusters());
  if (user !== undefined) checkName('user', user, config.getUsers());
  const name = 'chosen-by-flags';
  config.addContext({ ...current, name, cluster: cluster ?? current.cluster, user: user ?? current.user });
  config.setCurrentContext(name);
}

function checkName(what: string, asked: string, entries: readonly { readonly name: string }[]): void {
  const known = entries.map(({ name }) => name);
  if (known.includes(asked)) return;
  throw new KubeconfigError('unknown_name', `the kubeconfig has no ${what} "${asked}"`, { unknown: { asked, known } });
}

function keepsOwnCredential(config: KubeConfig): boolean {
  const user = config.getCurrentUser();
  if (user === null) return false;
  const provider: unknown = user.authProvider?.name;
  return Boolean(user.exec) || (typeof provider === 'string' && provider !== 'tokenFile');
}

async function credentialsOf(config: KubeConfig, options: KubeconfigOptions): Promise<Credentials> {
  const request: RequestOptions = { headers: {} };
  await config.applyToHTTPSOptions(request);
  const { ca, cert, key, servername, rejectUnauthorized } = request as TlsOptions;
  const ownToken = options.token !== undefined;
  return {
    headers: headersOf(request, options),
    tls: {
      ca: ca ?? undefined,
      // A token given by hand replaces the whole login, as with kubectl.
      cert: ownToken ? undefined : (cert ?? undefined),
      key: ownToken ? undefined : (key ?? undefined),
      servername,
      rejectUnauthorized,
    },
    proxy: config.getCurrentCluster()?.proxyUrl,
  };
}

/** The fields that `KubeConfig` fills in, of all that these options may hold. */
interface TlsOptions {
  readonly ca?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
}

function headersOf(request: RequestOptions, { token, impersonate, impersonateGroups }: KubeconfigOptions) {
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(request.headers ?? {})) {
    // A token file usually ends in a newline, which no header may have.
    if (value !== undefined && value !== null) headers[name.toLowerCase()] = String(value).trim();
  }
  if (typeof request.auth === 'string') headers.authorization = `Basic ${Buffer.from(request.auth).toString('base64')}`;
  if (token !== undefined) headers.authorization = `Bearer ${token}`;
  if (impersonate !== undefined) headers['impersonate-user'] = impersonate;
  if (impersonateGroups !== undefined) headers['impersonate-group'] = [...impersonateGroups];
  return headers;
}
