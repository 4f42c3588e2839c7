import { z } from 'zod';
import { WireError } from '../errors.ts';

/** The version of control, presence and watch messages: `v` in each. */
export const OWN_FORMAT_VERSION = 1;

const envelope = z.object({ v: z.number().int(), type: z.string().min(1).max(64) });

/** A message of ours without its version, which the codec adds and takes off. */
interface Typed {
  type: string;
}

/** Text ↔ messages of one direction of one of our own formats. */
export interface OwnFormat<Message extends Typed> {
  /** All that this release knows. */
  readonly types: readonly string[];
  encode(message: Message): string;
  /**
   * Undefined for a `type` that this release does not know: the next one may add types, so the caller counts it and goes on.
   * Unknown members are dropped for the same reason.
   *
   * @throws WireError `unknown_version`, `malformed_json`, `malformed_value`
   */
  parse(text: string): Message | undefined;
}

type Schemas<Message extends Typed> = { [Type in Message['type']]: z.ZodType<Extract<Message, { type: Type }>> };

/** One direction of a format, from one schema per `type`. `step` names it in errors. */
export function ownFormat<Message extends Typed>(step: string, schemas: Schemas<Message>): OwnFormat<Message> {
  const byType = new Map<string, z.ZodType<Message>>(Object.entries(schemas));
  return {
    types: [...byType.keys()],
    encode: (message) => JSON.stringify({ v: OWN_FORMAT_VERSION, ...message }),
    parse(text) {
      const value = parseJson(step, text);
      const head = envelope.safeParse(value);
      if (!head.success) throw malformed(step, head.error);
      if (head.data.v !== OWN_FORMAT_VERSION) {
        throw new WireError(
          'unknown_version',
          step,
          `version ${head.data.v}; this release reads ${OWN_FORMAT_VERSION}`,
        );
      }
      const parsed = byType.get(head.data.type)?.safeParse(value);
      if (parsed && !parsed.success) throw malformed(`${step} ${head.data.type}`, parsed.error);
      return parsed?.data;
    },
  };
}

function parseJson(step: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // No cause: the engine's message quotes the text, and some of these carry tickets.
    throw new WireError('malformed_json', step, 'is not JSON');
  }
}

/** Paths and codes of what is wrong, never the values. */
function malformed(step: string, error: z.ZodError): WireError {
  const places = error.issues.slice(0, 3).map(({ path, code }) => `${path.join('.') || 'message'}: ${code}`);
  return new WireError('malformed_value', step, places.join(', '));
}
