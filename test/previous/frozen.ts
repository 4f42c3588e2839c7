import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

/** What `freeze.ts` wrote: a file for each format, one for tickets and one for the bodies of the registry API. */
export const FROZEN_FOLDER = join(import.meta.dirname, '../vectors/previous');

/** Written without spaces a message is byte for byte what the previous release wrote. */
const messages = z.object({ messages: z.array(z.looseObject({ v: z.number(), type: z.string() })) });
export type FrozenMessages = z.infer<typeof messages>;

const tickets = z.object({
  /** When all of them are good. Seconds since the epoch. */
  now: z.number(),
  keysFile: z.string(),
  executor: z.array(z.string()),
  harness: z.array(z.string()),
  authorization: z.array(z.string()),
});
export type FrozenTickets = z.infer<typeof tickets>;

const bodies = z.object({ bodies: z.record(z.string(), z.looseObject({})) });
export type FrozenBodies = z.infer<typeof bodies>;

const commit = z.object({ madeBy: z.string() });

export function frozenMessages(format: string): FrozenMessages['messages'] {
  return messages.parse(read(format)).messages;
}

export function frozenTickets(): FrozenTickets {
  return tickets.parse(read('tickets'));
}

export function frozenBodies(): FrozenBodies['bodies'] {
  return bodies.parse(read('registryApi')).bodies;
}

/** The commit that a file is of. */
export function madeBy(name: string): string {
  return commit.parse(read(name)).madeBy;
}

function read(name: string): unknown {
  return JSON.parse(readFileSync(join(FROZEN_FOLDER, `${name}.json`), 'utf8'));
}
