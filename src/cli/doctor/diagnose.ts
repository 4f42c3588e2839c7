import type { Clock } from '../../telemetry/index.ts';
import type { Connection } from '../connection/connection.ts';
import { executorFinding } from './access/executor.ts';
import { grantsFinding } from './access/grants.ts';
import { connectionFindings } from './channel/checks.ts';
import { securityFindings } from './channel/security.ts';
import { type Trial, tryTheWay } from './channel/trial.ts';
import type { EnvironmentFacts } from './cluster/environment-facts.ts';
import { type Finding, resultOf } from './finding.ts';
import { type Credential, identityFinding, mayBeShown } from './identity/check.ts';
import { tokenFacts } from './identity/claims.ts';
import { registryFindings } from './registry/checks.ts';
import { probeRegistry } from './registry/probe.ts';

export interface EnvironmentQuestion {
  readonly connection: Connection;
  readonly facts: EnvironmentFacts;
  /** Only the checks of `--check remote-security`. */
  readonly onlySecurity: boolean;
  readonly clock: Clock;
}

/** Everything between here and one executor, in the order in which a connection meets it. */
export async function diagnoseEnvironment({
  connection,
  facts,
  onlySecurity,
  clock,
}: EnvironmentQuestion): Promise<Finding[]> {
  const { registryUrl, label, trust, remoteKeys } = connection;
  const probe = await probeRegistry({ registryUrl, trust, clock });
  const credential = await credentialOf(connection);
  const now = clock.now();
  const registry = registryFindings({ url: registryUrl, probe, now });
  const identity = identityFinding(credential, now);
  const { executor, grants } = facts;
  const grant = grantsFinding({
    label,
    executorLabels: executor.kind === 'known' ? executor.value.metadata.labels : undefined,
    grants,
    identity: serviceAccountOf(credential),
    now,
  });
  const trial = await trialOf(connection, registry, credential);
  const connected = connectionFindings({ label, trial, grants: grant });
  if (!onlySecurity) return [...registry, identity, executorFinding(label, executor), grant, ...connected];
  const pinned = typeof remoteKeys === 'function' || remoteKeys.length > 0;
  const security = securityFindings({ trial, executor, grants, pinned, now: clock.now() });
  // Of the others only what stands in the way, or will.
  const troubles = [...registry, identity, grant, ...connected].filter(isTrouble);
  const channel = connected.filter(
    ({ check, code }) => check === 'channel' && !troubles.some((each) => each.code === code),
  );
  return [...channel, ...security, ...troubles];
}

function isTrouble(finding: Finding): boolean {
  const result = resultOf(finding);
  return result === 'failure' || result === 'warning';
}

async function credentialOf({ credential }: Connection): Promise<Credential> {
  try {
    return { kind: 'token', facts: tokenFacts(await credential()) };
  } catch (error) {
    return { kind: 'none', problem: error instanceof Error ? error.message : String(error) };
  }
}

function serviceAccountOf(credential: Credential) {
  if (credential.kind === 'none' || credential.facts.kind === 'opaque') return undefined;
  return credential.facts.serviceAccount;
}

/** Not tried where it can only fail, or where the token would be shown to somebody for whom it is not. */
async function trialOf(connection: Connection, registry: readonly Finding[], credential: Credential): Promise<Trial> {
  if (registry.some((finding) => resultOf(finding) === 'failure')) {
    return { kind: 'not_tried', why: 'it needs a registry that answers and is trusted' };
  }
  if (credential.kind === 'none') return { kind: 'not_tried', why: 'it needs a token' };
  if (!mayBeShown(credential)) {
    return {
      kind: 'not_tried',
      why: 'a token that is meant for somebody else is shown to no registry; it would answer 401 token_invalid',
    };
  }
  return tryTheWay(connection);
}
