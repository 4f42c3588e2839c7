import type { CallOptions, ObjectApi } from './api.ts';
import { ApiError } from './errors.ts';

export interface TokenReviewResult {
  /** False also when the token has none of the audiences asked for. */
  readonly authenticated: boolean;
  readonly username?: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  /** Of a bound token, among others: `authentication.kubernetes.io/pod-name`, `…/pod-uid`. */
  readonly extra: Readonly<Record<string, readonly string[]>>;
  readonly audiences: readonly string[];
  /** Why not, in the server's words. */
  readonly error?: string;
}

/** Asks the server whose token this is (`authentication.k8s.io/v1`). At least one audience: a token without ours is not for us. */
export async function reviewToken(
  api: ObjectApi,
  { token, audiences }: { readonly token: string; readonly audiences: readonly string[] },
  options: CallOptions = {},
): Promise<TokenReviewResult> {
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token, audiences } };
  const status = statusOf(
    await api.post('/apis/authentication.k8s.io/v1/tokenreviews', body, options),
    'review a token',
  );
  const user = asObject(status.user);
  const reviewed = strings(status.audiences);
  const error = status.error;
  return {
    // A server that does not know audiences ignores them: it must say which of them it found (KEP-1205).
    authenticated: status.authenticated === true && reviewed.some((each) => audiences.includes(each)),
    ...(typeof user.username === 'string' ? { username: user.username } : {}),
    ...(typeof user.uid === 'string' ? { uid: user.uid } : {}),
    groups: strings(user.groups),
    extra: Object.fromEntries(Object.entries(asObject(user.extra)).map(([key, value]) => [key, strings(value)])),
    audiences: reviewed,
    ...(typeof error === 'string' && error !== '' ? { error } : {}),
  };
}

export interface TokenRequest {
  readonly audiences: readonly string[];
  /** At least 600; the server may give less than asked. */
  readonly expirationSeconds: number;
  /** The token ends with this object. */
  readonly boundTo?: {
    readonly apiVersion: string;
    readonly kind: string;
    readonly name: string;
    readonly uid: string;
  };
}

/** Asks for a token of a ServiceAccount. `expiresAt`: milliseconds since the epoch. */
export async function requestToken(
  api: ObjectApi,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  { audiences, expirationSeconds, boundTo }: TokenRequest,
  options: CallOptions = {},
): Promise<{ token: string; expiresAt: number }> {
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/serviceaccounts/${encodeURIComponent(name)}/token`;
  const spec = { audiences, expirationSeconds, ...(boundTo === undefined ? {} : { boundObjectRef: boundTo }) };
  const step = `request a token of ServiceAccount ${namespace}/${name}`;
  const answer = await api.post(path, { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec }, options);
  const { token, expirationTimestamp } = statusOf(answer, step);
  const expiresAt = typeof expirationTimestamp === 'string' ? Date.parse(expirationTimestamp) : Number.NaN;
  if (typeof token !== 'string' || Number.isNaN(expiresAt)) {
    throw new ApiError({ code: 'BadAnswer', step, message: 'the answer has no token or no expiry' });
  }
  return { token, expiresAt };
}

export interface ResourceAttributes {
  readonly group?: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly verb: string;
  readonly namespace?: string;
  readonly name?: string;
}

export interface AccessReviewResult {
  readonly allowed: boolean;
  readonly reason?: string;
}

/** Whether a user may do something (`authorization.k8s.io/v1`). */
export function reviewAccess(
  api: ObjectApi,
  asked: { readonly user: string; readonly groups?: readonly string[]; readonly attributes: ResourceAttributes },
  options: CallOptions = {},
): Promise<AccessReviewResult> {
  const { user, groups, attributes: resourceAttributes } = asked;
  return accessReview(api, 'SubjectAccessReview', { user, groups, resourceAttributes }, options);
}

/** Whether the caller may do something. */
export function reviewOwnAccess(
  api: ObjectApi,
  resourceAttributes: ResourceAttributes,
  options: CallOptions = {},
): Promise<AccessReviewResult> {
  return accessReview(api, 'SelfSubjectAccessReview', { resourceAttributes }, options);
}

/** The name by which the server knows the caller (`SelfSubjectReview`): the one that admission policies see. */
export async function reviewSelf(api: ObjectApi, options: CallOptions = {}): Promise<string> {
  const kind = 'SelfSubjectReview';
  const body = { apiVersion: 'authentication.k8s.io/v1', kind };
  const answer = await api.post('/apis/authentication.k8s.io/v1/selfsubjectreviews', body, options);
  const { username } = asObject(statusOf(answer, 'ask who I am').userInfo);
  if (typeof username === 'string' && username !== '') return username;
  throw new ApiError({ code: 'BadAnswer', step: 'ask who I am', message: 'the answer has no user name' });
}

async function accessReview(
  api: ObjectApi,
  kind: string,
  spec: object,
  options: CallOptions,
): Promise<AccessReviewResult> {
  const path = `/apis/authorization.k8s.io/v1/${kind.toLowerCase()}s`;
  const answer = await api.post(path, { apiVersion: 'authorization.k8s.io/v1', kind, spec }, options);
  const { allowed, reason } = statusOf(answer, `create ${kind}`);
  return { allowed: allowed === true, ...(typeof reason === 'string' && reason !== '' ? { reason } : {}) };
}

type Fields = Readonly<Record<string, unknown>>;

function statusOf(answer: unknown, step: string): Fields {
  const { status } = asObject(answer);
  if (typeof status === 'object' && status !== null) return status as Fields;
  throw new ApiError({ code: 'BadAnswer', step, message: 'the answer has no status' });
}

function asObject(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

function strings(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
}
