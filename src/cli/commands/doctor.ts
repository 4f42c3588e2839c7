import { Command, Option } from 'commander';
import type { ObjectApi } from '../../kube/index.ts';
import { systemClock } from '../../telemetry/index.ts';
import type { Connection } from '../connection/connection.ts';
import { findConnection } from '../connection/find-connection.ts';
import { type ConnectionFlags, withConnectionFlags } from '../connection/flags.ts';
import { type EnvironmentFacts, NO_CLUSTER } from '../doctor/cluster/environment-facts.ts';
import { type ClusterFacts, clusterFindings } from '../doctor/cluster/overview.ts';
import type { NoCluster } from '../doctor/cluster/with-cluster.ts';
import { diagnoseEnvironment } from '../doctor/diagnose.ts';
import { exitCodeOfFindings, type Finding } from '../doctor/finding.ts';
import { jsonReport, textReport } from '../doctor/report.ts';
import { UsageError } from '../exit.ts';

interface DoctorFlags extends ConnectionFlags {
  readonly check: 'all' | 'remote-security';
  readonly output?: 'json';
}

export function doctorCommand(): Command {
  const command = new Command('doctor')
    .description(
      'Say what is well and what is not in the cluster or on the way to an executor, and what to do about it.',
    )
    .argument('[environment]', 'demo, default/demo or default_demo; the cluster without one')
    .addOption(
      new Option('--check <what>', 'remote-security: channel, keys and who may connect')
        .choices(['all', 'remote-security'])
        .default('all'),
    )
    .addOption(new Option('-o, --output <format>', 'for machines').choices(['json']))
    .addHelpText(
      'after',
      '\nOpens a session as a harness does, makes one request that changes nothing, and leaves. docs/doctor.md explains every code.\nExit code: 0 well; 1 something is broken; 3 not ready yet; 4 somebody says no.\n\nExamples:\n  $ noisefleet doctor\n  $ noisefleet doctor build -n team-a\n  $ noisefleet doctor build -n team-a --check remote-security -o json',
    )
    .action(runDoctor);
  return withConnectionFlags(command);
}

async function runDoctor(environment: string | undefined, flags: DoctorFlags): Promise<void> {
  if (environment !== undefined) return runOnEnvironment(environment, flags);
  if (flags.check !== 'all') throw new UsageError(`--check ${flags.check} needs an environment, such as demo`);
  // Loaded where they are needed: a client of the API server takes a second to load.
  const { readClusterFacts } = await import('../doctor/cluster/overview-facts.ts');
  const { withCluster } = await import('../doctor/cluster/with-cluster.ts');
  const ask = (api: ObjectApi, namespace: string) => readClusterFacts(api, flags.namespace ?? namespace);
  print(clusterFindings(await withCluster(flags, ask, nothingKnown)), undefined, flags);
}

async function runOnEnvironment(environment: string, flags: DoctorFlags): Promise<void> {
  const connection = await findConnection(environment, 'harness', flags);
  const facts = await factsOf(connection, flags);
  const onlySecurity = flags.check === 'remote-security';
  const findings = await diagnoseEnvironment({ connection, facts, onlySecurity, clock: systemClock });
  print(findings, connection.label, flags);
}

/** Of the cluster of the kubeconfig or of this pod; a registry of `noisefleet dev` belongs to none. */
async function factsOf({ label, identity }: Connection, flags: DoctorFlags): Promise<EnvironmentFacts> {
  const [namespace, name] = label.split('/');
  const inCluster = flags.registry !== undefined || identity !== undefined;
  if (!inCluster || namespace === undefined || name === undefined) return NO_CLUSTER;
  const { readEnvironmentFacts } = await import('../doctor/cluster/environment-facts.ts');
  const { withCluster } = await import('../doctor/cluster/with-cluster.ts');
  const ask = (api: ObjectApi) => readEnvironmentFacts(api, { namespace, name });
  return withCluster(flags, ask, (none) => ({ executor: none, grants: none }));
}

function nothingKnown(none: NoCluster): ClusterFacts {
  return { namespace: '', kinds: none, operators: none, relays: none, executors: none, rights: none };
}

function print(findings: readonly Finding[], label: string | undefined, { output }: DoctorFlags): void {
  const text =
    output === 'json'
      ? `${JSON.stringify(jsonReport(findings, label), undefined, 2)}\n`
      : textReport(findings, { colour: process.stdout.isTTY && !process.env.NO_COLOR });
  process.stdout.write(text);
  process.exitCode = exitCodeOfFindings(findings);
}
