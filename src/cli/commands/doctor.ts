import { Command, Option } from 'commander';
import { systemClock } from '../../telemetry/index.ts';
import type { Connection } from '../connection/connection.ts';
import { findConnection } from '../connection/find-connection.ts';
import { type ConnectionFlags, withConnectionFlags } from '../connection/flags.ts';
import { type EnvironmentFacts, NO_CLUSTER } from '../doctor/cluster/environment-facts.ts';
import { diagnoseEnvironment } from '../doctor/diagnose.ts';
import { exitCodeOfFindings, type Finding } from '../doctor/finding.ts';
import { jsonReport, textReport } from '../doctor/report.ts';
import { productVersion } from '../product-version.ts';

interface DoctorFlags extends ConnectionFlags {
  readonly check: 'all' | 'remote-security';
  readonly output?: 'json';
}

export function doctorCommand(): Command {
  const command = new Command('doctor')
    .description('Say what is well and what is not on the way to an executor, and what to do about it.')
    .argument('<environment>', 'demo, default/demo or default_demo')
    .addOption(
      new Option('--check <what>', 'remote-security: channel, keys and who may connect')
        .choices(['all', 'remote-security'])
        .default('all'),
    )
    .addOption(new Option('-o, --output <format>', 'for machines').choices(['json']))
    .addHelpText(
      'after',
      '\nOpens a session as a harness does, makes one request that changes nothing, and leaves. docs/doctor.md explains every code.\nExit code: 0 well; 1 something is broken; 3 not ready yet; 4 somebody says no.\n\nExamples:\n  $ noisefleet doctor build -n team-a\n  $ noisefleet doctor build -n team-a --check remote-security -o json',
    )
    .action(runDoctor);
  return withConnectionFlags(command);
}

async function runDoctor(environment: string, flags: DoctorFlags): Promise<void> {
  const connection = await findConnection(environment, 'harness', flags);
  const onlySecurity = flags.check === 'remote-security';
  const facts = await factsOf(connection, flags);
  const findings = await diagnoseEnvironment({ connection, facts, onlySecurity, clock: systemClock });
  print(findings, connection.label, flags);
}

/** Of the cluster of the kubeconfig or of this pod; a registry of `noisefleet dev` belongs to none. */
async function factsOf({ label, identity }: Connection, flags: DoctorFlags): Promise<EnvironmentFacts> {
  const { registry, context, kubeconfig, as: impersonate, asGroup: impersonateGroups } = flags;
  const [namespace, name] = label.split('/');
  const inCluster = registry !== undefined || identity !== undefined;
  if (!inCluster || namespace === undefined || name === undefined) return NO_CLUSTER;
  const { connectToCluster, KubeconfigError } = await import('../../kube/index.ts');
  const { readEnvironmentFacts } = await import('../doctor/cluster/environment-facts.ts');
  try {
    const cluster = await connectToCluster({
      clock: systemClock,
      userAgent: `noisefleet/${productVersion()}`,
      context,
      kubeconfig,
      impersonate,
      impersonateGroups,
    });
    try {
      return await readEnvironmentFacts(cluster.api, { namespace, name });
    } finally {
      await cluster.close();
    }
  } catch (error) {
    if (error instanceof KubeconfigError) return NO_CLUSTER;
    throw error;
  }
}

function print(findings: readonly Finding[], label: string, { output }: DoctorFlags): void {
  const text =
    output === 'json'
      ? `${JSON.stringify(jsonReport(findings, label), undefined, 2)}\n`
      : textReport(findings, { colour: process.stdout.isTTY && !process.env.NO_COLOR });
  process.stdout.write(text);
  process.exitCode = exitCodeOfFindings(findings);
}
