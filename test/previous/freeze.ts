/**
 * Writes down what the previous release says: of each of our formats every type of message, each kind of ticket, each body of the registry
 * API, by its own code. To be run once a release, when `PREVIOUS_COMMIT` is another; what it wrote is committed.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FROZEN_FOLDER, type FrozenBodies, type FrozenMessages, type FrozenTickets } from './frozen.ts';
import { PREVIOUS_COMMIT } from './previous.ts';
import { type PreviousWire, previousWire } from './previous-wire.ts';
import { BODY_NAMES, SAMPLE_TIME, SAMPLED_BODIES, SAMPLED_TICKETS } from './sampled-bodies.ts';
import { SAMPLED_FORMATS, type SampledFormat } from './samples.ts';

const wire = await previousWire();
mkdirSync(FROZEN_FOLDER, { recursive: true });
for (const format of SAMPLED_FORMATS) write(format.name, messagesOf(wire, format));
write('tickets', await ticketsOf(wire));
write('registryApi', { bodies: bodiesOf(wire) } satisfies FrozenBodies);

function write(name: string, content: object): void {
  const text = `${JSON.stringify({ madeBy: PREVIOUS_COMMIT, ...content }, null, 2)}\n`;
  writeFileSync(join(FROZEN_FOLDER, `${name}.json`), text);
}

/** Read and written by that release: without the types and members that it does not know. */
function messagesOf(wire: PreviousWire, { name, texts }: SampledFormat): FrozenMessages {
  const { parse, encode } = wire[name];
  const known = texts.map((text) => parse(text)).filter((message) => message !== undefined);
  return { messages: known.map((message) => JSON.parse(encode(message))) };
}

async function ticketsOf(wire: PreviousWire): Promise<FrozenTickets> {
  const keys = [wire.generateTicketKey(0)];
  const signer = new wire.TicketSigner(keys);
  const { executor, harness, authorization } = SAMPLED_TICKETS;
  const signed = <Claims>(claims: readonly Claims[], sign: (claims: Claims, now: number) => Promise<string>) =>
    Promise.all(claims.map((each) => sign(each, SAMPLE_TIME)));
  return {
    now: SAMPLE_TIME,
    keysFile: wire.encodeTicketKeys(keys),
    executor: await signed(executor, (claims, now) => signer.signExecutorTicket(claims, now)),
    harness: await signed(harness, (claims, now) => signer.signHarnessTicket(claims, now)),
    authorization: await signed(authorization, (claims, now) => signer.signAuthorization(claims, now)),
  };
}

function bodiesOf(wire: PreviousWire): FrozenBodies['bodies'] {
  const bodies = BODY_NAMES.map((name) => {
    const body = wire.parseBody(wire[name], JSON.stringify(SAMPLED_BODIES[name]), name);
    return [name, { ...body }] as const;
  });
  return Object.fromEntries(bodies);
}
