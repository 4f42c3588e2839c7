import type { KeyStatus, StoredExecutor, StoredExecutorGrant } from '../../../api/index.ts';
import { expiryOf, grantText, reaches } from '../access/grants.ts';
import type { Known } from '../cluster/known.ts';
import { type Finding, found } from '../finding.ts';
import { spanOf } from '../span.ts';
import type { Trial } from './trial.ts';

/** Grants named in one sentence. */
const MOST_NAMED = 5;

export interface SecurityFacts {
  readonly trial: Trial;
  readonly executor: Known<StoredExecutor>;
  readonly grants: Known<readonly StoredExecutorGrant[]>;
  /** Whether `--remote-key` named the key. */
  readonly pinned: boolean;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** What protects a session with this executor: the protocol that was spoken just now, its key, and who else may open one. */
export function securityFindings(facts: SecurityFacts): Finding[] {
  return [...protocolFindings(facts.trial), keyFinding(facts), clientsFinding(facts)];
}

/** Words for the parts of a protocol name (Noise §8). */
const NAMES: Readonly<Record<string, string>> = {
  '25519': 'X25519',
  MLKEM768: 'ML-KEM-768',
  AESGCM: 'AES-256-GCM',
  SHA256: 'SHA-256',
};

/** Patterns in which both sides' ephemeral keys enter the session keys, by `ee` and for a KEM by `ekem` (Noise §7.7; contract §5.1). */
const FORWARD_SECRET: ReadonlySet<string> = new Set(['IK', 'hybridIK']);

/** Of the handshake that was made, not of what a program could do. */
function protocolFindings(trial: Trial): Finding[] {
  if (trial.kind !== 'attached') {
    const why = 'no channel was opened';
    return [found('handshake', 'not_tried', why), found('forward_secrecy', 'not_tried', why)];
  }
  const { protocol } = trial.diagnostics;
  const [, pattern = '', ...suite] = protocol.split('_');
  const words = suite.map((part) =>
    part
      .split('+')
      .map((text) => NAMES[text] ?? text)
      .join(' + '),
  );
  const forward = FORWARD_SECRET.has(pattern)
    ? found(
        'forward_secrecy',
        'forward_secret',
        'enabled: whoever gets the static keys later reads no session of before',
      )
    : found('forward_secrecy', 'not_tried', `nothing is known of the pattern ${pattern}`);
  return [found('handshake', 'handshake_hybrid', `${[pattern, ...words].join(', ')} (${protocol})`), forward];
}

function keyFinding({ trial, executor, pinned, now }: SecurityFacts): Finding {
  const fingerprint = trial.kind === 'attached' ? trial.diagnostics.fingerprint : undefined;
  if (executor.kind !== 'known') return keyWithoutStatus(fingerprint, pinned);
  const { keys, nextRotationTime, activeKeyID, external } = executor.value.status;
  const key = keys.find((each) =>
    fingerprint === undefined ? each.id === activeKeyID : each.fingerprint === fingerprint,
  );
  if (key !== undefined) return listedKey(key, nextRotationTime, now);
  if (fingerprint !== undefined && external?.fingerprint === fingerprint) {
    return found(
      'static_key',
      'key_current',
      `${fingerprint}, of the process that joined; it makes a new one at each start`,
    );
  }
  if (fingerprint === undefined) return found('static_key', 'not_tried', 'no channel was opened, and none is active');
  return found(
    'static_key',
    'key_not_listed',
    `the executor showed ${fingerprint}, which is none of its status.keys`,
    'Stop using it until its owner knows why: a wrong peer may have been introduced. --remote-key refuses every other key.',
  );
}

function keyWithoutStatus(fingerprint: string | undefined, pinned: boolean): Finding {
  if (fingerprint === undefined) return found('static_key', 'not_tried', 'no channel was opened');
  if (pinned) return found('static_key', 'key_pinned', `${fingerprint}, which you pinned`);
  return found(
    'static_key',
    'not_readable',
    `${fingerprint}; its age and rotation are in the status of the Executor, which was not read`,
    `To accept no other one:  --remote-key ${fingerprint}`,
  );
}

function listedKey(key: KeyStatus, nextRotationTime: string | undefined, now: number): Finding {
  const age = `static key ${key.id}, ${spanOf(now - Date.parse(key.creationTime))} old`;
  if (key.state === 'Revoked') {
    return found(
      'static_key',
      'key_revoked',
      `${age}, was revoked, and still serves`,
      'Its owner looks which registry, relay or sidecar has not heard of it:  kubectl describe executor',
    );
  }
  const next = nextRotationTime === undefined ? Number.NaN : Date.parse(nextRotationTime) - now;
  if (Number.isNaN(next)) return found('static_key', 'key_current', `${age}; no rotation is planned`);
  if (next >= 0) return found('static_key', 'key_current', `${age}, rotates in ${spanOf(next)}`);
  return found(
    'static_key',
    'rotation_overdue',
    `${age}; its rotation is ${spanOf(next)} overdue`,
    'The condition RotationDue says for what it waits:  kubectl describe executor',
  );
}

function clientsFinding({ executor, grants, now }: SecurityFacts): Finding {
  if (executor.kind !== 'known' || grants.kind === 'unreadable' || grants.kind === 'no_cluster') {
    return found('clients', 'not_readable', 'who may connect stands in ExecutorGrants, which were not read');
  }
  const all = grants.kind === 'absent' ? [] : grants.value;
  const alive = all.filter((grant) => reaches(grant, executor.value.metadata.labels) && expiryOf(grant) > now);
  const subjects = new Set(alive.flatMap((grant) => grant.spec.subjects.map((subject) => JSON.stringify(subject))));
  const named = alive.slice(0, MOST_NAMED).map(grantText).join('; ');
  const more = alive.length > MOST_NAMED ? `; and ${alive.length - MOST_NAMED} more` : '';
  const says = `${subjects.size} (${alive.length} grant${alive.length === 1 ? '' : 's'})${alive.length > 0 ? `: ${named}${more}` : ''}`;
  const groups = alive.filter(({ spec }) => spec.subjects.some(({ kind }) => kind === 'Group'));
  if (groups.length === 0) return found('clients', 'clients_listed', says);
  return found(
    'clients',
    'clients_anybody',
    says,
    'A grant of a whole namespace lets in whoever can create a ServiceAccount there: name them one by one.',
  );
}
