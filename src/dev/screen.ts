import { shortFingerprint } from '../wire/index.ts';
import type { Plan, PlannedEnvironment } from './manifests/plan.ts';

/** What people read on the terminal while `dev` runs. Pure: facts in, lines out. */

/** Columns of the table of parts. */
const PART_WIDTH = 11;
const NAME_WIDTH = 30;
const RUNTIME_WIDTH = 9;
const COMMAND_WIDTH = 56;

export function headline(user: string): string[] {
  return [
    'noisefleet dev · everything on loopback, keys in a folder, for trying only',
    `  It isolates nothing: every part, and every command sent to an executor, runs as you (${user}).`,
    '',
  ];
}

export interface PartsFacts {
  readonly front: { readonly registryUrl: string; readonly relayUrl: string };
  readonly plan: Plan;
  /** How the command line is called here: `noisefleet`, or through npm from a checkout. */
  readonly call: string;
  /** Milliseconds from our start until a process was ready. */
  readyAfter(process: string): number | undefined;
  /** The newest key that registries accept. */
  keyOf(environmentId: string): { readonly id: string; readonly fingerprint?: string | undefined } | undefined;
}

export function partsTable(facts: PartsFacts): string[] {
  const { front, plan, readyAfter } = facts;
  return [
    row('registry', front.registryUrl, `ready   ${seconds(readyAfter('registry'))}`),
    row('relay', front.relayUrl, `ready   ${seconds(readyAfter('relay'))}`),
    ...plan.environments.map((environment) => executorRow(environment, facts)),
    ...(plan.environments.length === 0 ? ['  No Executor among the manifests: add one and it is started.'] : []),
  ];
}

function executorRow({ id, runtime, name }: PlannedEnvironment, { call, readyAfter, keyOf }: PartsFacts): string {
  const what = `${id.padEnd(NAME_WIDTH - RUNTIME_WIDTH - 1)} ${runtime}`;
  if (runtime === 'External') {
    return row('executor', what, `waiting for a host: ${call} join ${name} -- codex exec-server`);
  }
  const key = keyOf(id);
  const shown = key?.fingerprint === undefined ? '' : `   key ${key.id} ${shortFingerprint(key.fingerprint)}`;
  const after = Math.max(readyAfter(`${id} sidecar`) ?? 0, readyAfter(`${id} exec-server`) ?? 0);
  return row('executor', what, `Ready   ${seconds(after)}${shown}`);
}

function row(part: string, what: string, state: string): string {
  return `  ${part.padEnd(PART_WIDTH)}${what.padEnd(NAME_WIDTH)}  ${state}`;
}

function seconds(milliseconds: number | undefined): string {
  return milliseconds === undefined ? '' : `${(milliseconds / 1000).toFixed(1)} s`;
}

export interface InvitationOptions {
  readonly plan: Plan;
  /** How the command line is called here: `noisefleet`, or through npm from a checkout. */
  readonly call: string;
  readonly folder: string;
  /** Only when it is not where the command line looks by itself. */
  readonly readyFile?: string;
}

export function invitation({ plan, call, folder, readyFile }: InvitationOptions): string[] {
  const executor = plan.environments.find(({ runtime }) => runtime !== 'External');
  const lines =
    readyFile === undefined ? [] : [`  In another terminal first:  export NOISEFLEET_READY_FILE=${readyFile}`];
  if (executor !== undefined) {
    const { name } = executor;
    lines.push(
      aside(`  Now you:  ${call} exec -t ${name} -- bash`, 'a shell there'),
      aside(`            ${call} run ${name} -- codex`, 'your own Codex, working there'),
      `            edit ${folder}: another rotate annotation, and the next key takes over`,
    );
  }
  return [...lines, 'Ctrl-C stops everything.'];
}

function aside(command: string, what: string): string {
  return `${command.padEnd(COMMAND_WIDTH)}  ${what}`;
}
