import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { CliError } from '../client/cli-error.ts';
import { EXIT } from '../exit.ts';
import type { Connection } from './connection.ts';
import type { Environment } from './environment.ts';
import type { ConnectionFlags } from './flags.ts';

/** What `noisefleet dev` leaves for clients of the same user. More may stand in it. */
const schema = z.object({
  registry: z.string(),
  environments: z.record(
    z.string(),
    z.object({
      clientToken: z.string().optional(),
      clientTokenExpirationTime: z.string().optional(),
      registrationToken: z.string().optional(),
      registrationTokenExpirationTime: z.string().optional(),
    }),
  ),
});

type ReadyFile = z.infer<typeof schema>;

function defaultReadyFile(environment: NodeJS.ProcessEnv): string {
  const state = environment.XDG_STATE_HOME || join(homedir(), '.local', 'state');
  return join(state, 'noisefleet', 'dev', 'ready.json');
}

/** Reads it anew: tokens in it are replaced while it is used. @throws CliError `not_ready`, `ready_file_malformed` */
async function readReadyFile(path: string): Promise<ReadyFile> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    const why = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    throw new CliError(`no registry is known here: ${path} cannot be read`, {
      code: why,
      exitCode: EXIT.notReady,
      hint: 'In a cluster:  --service-account NAME\nOn this machine:  noisefleet dev\nElse name one with --registry URL --token-file FILE',
    });
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    throw new CliError(`${path} is not what noisefleet dev writes`, {
      code: 'ready_file_malformed',
      hint: 'Remove it and start noisefleet dev again.',
    });
  }
}

/** The environments that `noisefleet dev` serves here, as people write them. @throws as `readReadyFile` */
export async function environmentsHere(variables: NodeJS.ProcessEnv): Promise<readonly string[]> {
  const { environments } = await readReadyFile(defaultReadyFile(variables));
  return Object.keys(environments).map((id) => id.replace(/^default_/, '').replace('_', '/'));
}

/** The way that `noisefleet dev` left here. @throws CliError `not_found`, `not_authorized`, `not_external`, … */
export async function connectionFromReadyFile(
  environment: Environment,
  role: 'harness' | 'executor',
  flags: ConnectionFlags,
  variables: NodeJS.ProcessEnv,
): Promise<Connection> {
  const path = flags.readyFile ?? defaultReadyFile(variables);
  const ready = await readReadyFile(path);
  // Once now, so that a wrong name is an error at once and not a refusal later.
  credentialIn(ready, environment, role);
  return {
    environmentId: environment.id,
    label: environment.label,
    remoteKeys: flags.remoteKey ?? [],
    registryUrl: ready.registry,
    credential: async () => credentialIn(await readReadyFile(path), environment, role).token,
    expirationTime: async () => credentialIn(await readReadyFile(path), environment, role).expirationTime,
  };
}

function credentialIn(
  { environments }: ReadyFile,
  { id, label }: Environment,
  role: 'harness' | 'executor',
): { token: string; expirationTime: string | undefined } {
  const entry = environments[id];
  if (!entry) {
    const known = Object.keys(environments).join(', ') || 'none';
    throw new CliError(`there is no environment ${label} here`, { code: 'not_found', hint: `There are: ${known}` });
  }
  const token = role === 'harness' ? entry.clientToken : entry.registrationToken;
  const expirationTime = role === 'harness' ? entry.clientTokenExpirationTime : entry.registrationTokenExpirationTime;
  if (token !== undefined) return { token, expirationTime };
  if (role === 'harness') throw new CliError(`you have no token for ${label}`, { code: 'not_authorized' });
  throw new CliError(`${label} is run by noisefleet itself: no host can join it`, {
    code: 'not_external',
    hint: 'Only an executor of runtime type External can be joined.',
  });
}
