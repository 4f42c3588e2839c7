import { type Labels, type StoredExecutorGrant, type Subject, selects } from '../../../api/index.ts';
import type { Known } from '../cluster/known.ts';
import { type Finding, found } from '../finding.ts';
import { serviceAccountText } from '../identity/check.ts';
import type { ServiceAccountName } from '../identity/claims.ts';
import { spanOf } from '../span.ts';

/** Work that begins now may take this long. */
const ENDS_SOON_MS = 3_600_000;
/** Grants named in one sentence. */
const MOST_NAMED = 5;

const GROUP_PREFIX = 'system:serviceaccounts:';

export interface GrantQuestion {
  /** `NAMESPACE/NAME` of the executor. */
  readonly label: string;
  /** Undefined: the executor could not be read. */
  readonly executorLabels: Labels | undefined;
  /** All grants of its namespace. */
  readonly grants: Known<readonly StoredExecutorGrant[]>;
  /** Undefined: the token does not say. */
  readonly identity: ServiceAccountName | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Whether a grant lets this identity reach this executor, as far as the caller may read grants. */
export function grantsFinding(question: GrantQuestion): Finding {
  const { grants, executorLabels, identity, now } = question;
  switch (grants.kind) {
    case 'no_cluster':
      return found('grants', 'no_cluster', 'they are in the cluster, and no kubeconfig is here');
    case 'unreadable':
      return found(
        'grants',
        'not_readable',
        `you may not read them: ${grants.why}`,
        'Their owner sees more with the same command.',
      );
    case 'absent':
      return nobodyNamed(question, []);
    case 'known':
      break;
    default:
      return grants satisfies never;
  }
  if (executorLabels === undefined) {
    return found('grants', 'not_tried', 'which of them reach it depends on its labels, which were not read');
  }
  const reaching = grants.value.filter((grant) => reaches(grant, executorLabels));
  if (identity === undefined)
    return found('grants', 'not_tried', `the token does not say who you are; ${inForceText(reaching, now)}`);
  const naming = grants.value.filter((grant) => grant.spec.subjects.some((subject) => means(subject, grant, identity)));
  const named = naming.filter((grant) => reaching.includes(grant));
  const [best] = named.filter((grant) => expiryOf(grant) > now).sort((a, b) => expiryOf(b) - expiryOf(a));
  if (best !== undefined) return inForce(best, identity, now);
  const [expired] = named;
  if (expired !== undefined) return ended(expired, identity, now);
  const [other] = naming;
  if (other !== undefined) return selectsOthers(other, question);
  return nobodyNamed(question, reaching);
}

/** Whether a grant selects an executor with these labels: no selector selects nothing. */
export function reaches({ spec }: StoredExecutorGrant, labels: Labels): boolean {
  return (
    spec.executorSelector !== undefined && spec.executorSelector !== null && selects(spec.executorSelector, labels)
  );
}

/** Milliseconds since the epoch; without an end when there is none. */
export function expiryOf({ spec }: StoredExecutorGrant): number {
  return spec.expirationTime === undefined ? Number.POSITIVE_INFINITY : Date.parse(spec.expirationTime);
}

/** As grants are told: `ci (ServiceAccount ci/runner)`. */
export function grantText(grant: StoredExecutorGrant): string {
  const subjects = grant.spec.subjects.map((subject) => subjectText(subject, grant));
  return `${grant.metadata.name} (${subjects.join(', ')})`;
}

function subjectText(subject: Subject, { metadata }: StoredExecutorGrant): string {
  if (subject.kind === 'Group') return `every ServiceAccount of ${subject.name.slice(GROUP_PREFIX.length)}`;
  return serviceAccountText({ namespace: subject.namespace ?? metadata.namespace, name: subject.name });
}

function means(subject: Subject, { metadata }: StoredExecutorGrant, identity: ServiceAccountName): boolean {
  if (subject.kind === 'Group') return subject.name === `${GROUP_PREFIX}${identity.namespace}`;
  return subject.name === identity.name && (subject.namespace ?? metadata.namespace) === identity.namespace;
}

function inForce(grant: StoredExecutorGrant, identity: ServiceAccountName, now: number): Finding {
  const left = expiryOf(grant) - now;
  const until = Number.isFinite(left) ? `, for ${spanOf(left)} more` : '';
  const says = `${nameOf(grant)} lets ${serviceAccountText(identity)} in${until}`;
  if (left > ENDS_SOON_MS) return found('grants', 'grant_in_force', says);
  return found('grants', 'grant_ends_soon', says, `Its owner sets a later spec.expirationTime of ${nameOf(grant)}.`);
}

function ended(grant: StoredExecutorGrant, identity: ServiceAccountName, now: number): Finding {
  return found(
    'grants',
    'grant_expired',
    `${nameOf(grant)} names ${serviceAccountText(identity)}, and ended ${spanOf(now - expiryOf(grant))} ago`,
    `Its owner sets a later spec.expirationTime of ${nameOf(grant)}.`,
  );
}

function selectsOthers(grant: StoredExecutorGrant, { label, identity }: GrantQuestion): Finding {
  const who = identity === undefined ? 'you' : serviceAccountText(identity);
  return found(
    'grants',
    'grant_selects_others',
    `${nameOf(grant)} names ${who}, and its spec.executorSelector does not select ${label}`,
    `Its owner changes spec.executorSelector, or the labels of the Executor:  kubectl get executor -n ${grant.metadata.namespace} --show-labels`,
  );
}

function nobodyNamed(question: GrantQuestion, reaching: readonly StoredExecutorGrant[]): Finding {
  const { label, identity, now } = question;
  const [namespace] = label.split('/');
  const who = identity === undefined ? 'you' : serviceAccountText(identity);
  return found(
    'grants',
    'no_grant',
    `no grant in ${namespace} names ${who}; ${inForceText(reaching, now)}`,
    `Its owner adds ${who} to spec.subjects of one, or applies an ExecutorGrant of its own.`,
  );
}

function inForceText(reaching: readonly StoredExecutorGrant[], now: number): string {
  const alive = reaching.filter((grant) => expiryOf(grant) > now);
  if (alive.length === 0) return 'no grant in force reaches it';
  const named = alive.slice(0, MOST_NAMED).map(grantText).join('; ');
  const more = alive.length > MOST_NAMED ? `; and ${alive.length - MOST_NAMED} more` : '';
  return `grants that reach it: ${named}${more}`;
}

function nameOf({ metadata }: StoredExecutorGrant): string {
  return `grant ${metadata.namespace}/${metadata.name}`;
}
