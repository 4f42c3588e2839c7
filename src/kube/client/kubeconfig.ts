import type { RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import type { CredentialSource, Credentials } from './credentials.ts';

/** How a kubeconfig is chosen: what kubectl's flags of the same names say. */
export interface KubeconfigOptions {
  /** A file. Absent: `KUBECONFIG`, `~/.kube/config`, and then the pod's ServiceAccount, in this order. */
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

export class KubeconfigError extends Error {
  override readonly name = 'KubeconfigError';
  readonly code: KubeconfigErrorCode;

  constructor(code: KubeconfigErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
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
  const library = await import('@kubernetes/client-node');
  const load = () => loadConfig(new library.KubeConfig(), options);
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

function loadConfig(config: KubeConfig, options: KubeconfigOptions): KubeConfig {
  try {
    if (options.kubeconfig === undefined) config.loadFromDefault();
    else config.loadFromFile(options.kubeconfig);
  } catch (cause) {
    const what = options.kubeconfig ?? 'the kubeconfig';
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

/** What `loadFromDefault` makes up when there is nothing. */
const NOTHING_FOUND = 'http://localhost:8080';

function select(config: KubeConfig, { context, cluster, user }: KubeconfigOptions): void {
  if (context !== undefined) config.setCurrentContext(context);
  const current = config.getContextObject(config.getCurrentContext());
  if (current === null) {
    throw new KubeconfigError('unknown_name', `the kubeconfig has no context "${config.getCurrentContext()}"`);
  }
  if (cluster !== undefined && config.getCluster(cluster) === null) {
    throw new KubeconfigError('unknown_name', `the kubeconfig has no cluster "${cluster}"`);
  }
  if (user !== undefined && config.getUser(user) === null) {
    throw new KubeconfigError('unknown_name', `the kubeconfig has no user "${user}"`);
  }
  if (cluster === undefined && user === undefined) return;
  const name = 'chosen-by-flags';
  config.addContext({ ...current, name, cluster: cluster ?? current.cluster, user: user ?? current.user });
  config.setCurrentContext(name);
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
