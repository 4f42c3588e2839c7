import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { EXIT } from '../exit.ts';
import { CliError } from './cli-error.ts';

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

export type ReadyFile = z.infer<typeof schema>;

export function defaultReadyFile(environment: NodeJS.ProcessEnv): string {
  const state = environment.XDG_STATE_HOME || join(homedir(), '.local', 'state');
  return join(state, 'noisefleet', 'dev', 'ready.json');
}

/** Reads it anew: tokens in it are replaced while it is used. @throws CliError `not_ready`, `ready_file_malformed` */
export async function readReadyFile(path: string): Promise<ReadyFile> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    const why = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    throw new CliError(`no registry is known here: ${path} cannot be read`, {
      code: why,
      exitCode: EXIT.notReady,
      hint: 'Start one with:  noisefleet dev\nor name one with --registry URL --token-file FILE',
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
