import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ZodType } from 'zod';
import type * as wire from '../../src/wire/index.ts';
import { previousCheckout } from './previous.ts';
import type { BodyName } from './sampled-bodies.ts';
import type { FormatName } from './samples.ts';

/** A format of the previous release, which may know other messages than ours. */
interface PreviousFormat {
  parse(text: string): object | undefined;
  encode(message: object): string;
}

/** What we use of the previous release's wire, as it exports it. */
export type PreviousWire = Pick<
  typeof wire,
  'TicketSigner' | 'TicketVerifier' | 'decodeTicketKeys' | 'encodeTicketKeys' | 'generateTicketKey' | 'parseBody'
> & { readonly [Name in FormatName]: PreviousFormat } & { readonly [Name in BodyName]: ZodType<object> };

/** The code that the previous release reads and writes its messages with. */
export async function previousWire(): Promise<PreviousWire> {
  const module = pathToFileURL(join(await previousCheckout(), 'src/wire/index.ts'));
  return import(/* @vite-ignore */ module.href);
}
