import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import { fields } from '../../api/index.ts';
import { CliError } from '../client/cli-error.ts';
import { EXIT } from '../exit.ts';
import type { Environment } from './environment.ts';

/** Of the format. A reader refuses a newer one. */
export const CONNECTION_FILE_VERSION = 1;

/** A connection is half a kilobyte, certificates two more: this is a hundred of them. */
const MAX_BYTES = 1_048_576;

const text = (message: string) => z.string({ error: message }).min(1, { error: message });
const LABEL = '[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?';
const PATTERN = new RegExp(`^(\\*|${LABEL}/(\\*|${LABEL}))$`);
const SERVICE_ACCOUNT = new RegExp(`^${LABEL}/${LABEL}$`);
const pattern = z.string().regex(PATTERN, { error: 'must be NAMESPACE/NAME, NAMESPACE/* or *' });
const account = z.string().regex(SERVICE_ACCOUNT, { error: 'must be NAMESPACE/NAME' });

const entry = fields({
  environments: z.array(pattern, { error: 'must be a list such as [team-a/*]' }).min(1, { error: 'must name one' }),
  registry: z.url({ protocol: /^https?$/, error: 'must be a URL that begins with https:// or http://' }),
  caBundle: text('must be PEM certificates').optional(),
  serviceAccount: account.optional(),
  tokenFile: text('must be the path of a file').optional(),
  context: text('must be the name of a context').optional(),
}).refine(({ serviceAccount, tokenFile }) => serviceAccount === undefined || tokenFile === undefined, {
  error: 'serviceAccount and tokenFile exclude each other',
});
export type ConnectionEntry = z.infer<typeof entry>;

const schema = fields({
  version: z.literal(CONNECTION_FILE_VERSION, { error: `must be ${CONNECTION_FILE_VERSION}` }),
  namespace: z.string().optional(),
  connections: z.array(entry, { error: 'must be a list' }),
});
export type ConnectionFile = z.infer<typeof schema>;

/** @throws CliError `connection_file_malformed`, which names the field and what is allowed */
export function parseConnectionFile(content: string, path: string): ConnectionFile {
  const refuse = (why: string) =>
    new CliError(`${path}: ${why}`, {
      code: 'connection_file_malformed',
      exitCode: EXIT.usage,
      hint: 'What belongs there:  docs/cli.md. A new one:  noisefleet config export RELAY -n NAMESPACE',
    });
  if (Buffer.byteLength(content) > MAX_BYTES) throw refuse(`is larger than ${MAX_BYTES} bytes`);
  let value: unknown;
  try {
    const document = parseDocument(content, { prettyErrors: false, schema: 'core' });
    const [error] = document.errors;
    if (error !== undefined) throw error;
    value = document.toJS(); // throws on aliases that multiply
  } catch (cause) {
    throw refuse(`is not YAML: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const { issues } = result.error;
  // A misspelt name leaves another one missing: it is the one to mend.
  const issue = issues.find(({ code }) => code === 'unrecognized_keys') ?? issues[0];
  throw refuse(`${issue?.path.map(String).join('.') || 'the file'}: ${issue?.message ?? 'is wrong'}`);
}

/**
 * The connection file: the one that is named, or the user's own if there is one.
 *
 * @throws CliError `connection_file_malformed`, or why it cannot be read
 */
export async function readConnectionFile(
  named: string | undefined,
  variables: NodeJS.ProcessEnv,
): Promise<ConnectionFile | undefined> {
  const path = named ?? defaultConnectionFile(variables);
  let content: string;
  try {
    content = await readFile(path, 'utf8');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unreadable';
    if (named === undefined && (code === 'ENOENT' || code === 'ENOTDIR')) return undefined;
    throw new CliError(`${path} cannot be read`, { code, hint: 'Is --config (NOISEFLEET_CONFIG) right?' });
  }
  return parseConnectionFile(content, path);
}

function defaultConnectionFile(variables: NodeJS.ProcessEnv): string {
  return join(variables.XDG_CONFIG_HOME || join(homedir(), '.config'), 'noisefleet', 'config.yaml');
}

/** The first connection that is for this environment, and for the context that was asked for. */
export function entryFor(
  file: ConnectionFile | undefined,
  { names }: Pick<Environment, 'names'>,
  context: string | undefined,
): ConnectionEntry | undefined {
  if (names === undefined) return undefined;
  const wanted = ['*', `${names.namespace}/*`, `${names.namespace}/${names.name}`];
  return file?.connections.find(
    (each) =>
      each.environments.some((one) => wanted.includes(one)) &&
      (context === undefined || each.context === undefined || each.context === context),
  );
}
