import { z } from 'zod';
import { parseEnvironmentId, parseFingerprint, parseIncarnation, parseKeyId } from '../../wire/index.ts';

/**
 * The directory file, version 1 (`docs/directory-file.md`). It is written as a whole and renamed into place; unknown members are
 * errors, because a misspelt one would silently grant less or more than was meant.
 */

/** SHA-256 in hex: the file holds no token, so reading it lets nobody in. */
const sha256Hex = z.string().regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in lower-case hex');

/** RFC 3339 with any offset. */
const instant = z.iso.datetime({ offset: true });

const name = z.string().min(1).max(256);

const environment = z.strictObject({
  id: z.string().transform(parsedBy(parseEnvironmentId)),
  runtime: z.enum(['BuiltIn', 'Codex', 'External']),
  /** The fence (`our-side.md` §9). The tokens below belong to it: a new incarnation gets new tokens. */
  incarnation: z.string().transform(parsedBy(parseIncarnation)).optional(),
  /** Two while one is being changed for the other. */
  executorTokenSha256: z.array(sha256Hex).max(2),
  /** Oldest first. `Revoked` and `Destroyed` may be listed too, and are refused by name. */
  keys: z.array(
    z.strictObject({
      id: z.string().transform(parsedBy(parseKeyId)),
      fingerprint: z.string().transform(parsedBy(parseFingerprint)),
      state: z.enum(['Prepared', 'Active', 'Retiring', 'Revoked', 'Destroyed']),
    }),
  ),
  labels: z.record(z.string(), z.string()).optional(),
});

const identity = z.strictObject({
  name,
  /** An expired one may stay listed for a while: its holder is then told that it expired and what to do. */
  tokens: z.array(z.strictObject({ sha256: sha256Hex, expirationTime: instant })),
});

const grant = z.strictObject({
  name,
  identities: z.array(name),
  environments: z.array(z.string().transform(parsedBy(parseEnvironmentId))),
  expirationTime: instant.optional(),
});

export const directoryFileSchema = z
  .strictObject({
    version: z.literal(1),
    environments: z.array(environment),
    identities: z.array(identity),
    grants: z.array(grant),
  })
  .superRefine((file, context) => {
    for (const problem of contradictions(file)) context.addIssue({ code: 'custom', message: problem });
  });

/** What a writer writes: plain strings. */
export type DirectoryFile = z.input<typeof directoryFileSchema>;
/** What a reader has after parsing: branded ids. */
export type ParsedDirectoryFile = z.output<typeof directoryFileSchema>;

export class DirectoryFileError extends Error {
  readonly code: 'not_json' | 'not_the_format';
  readonly step = 'read the directory file';

  constructor(code: DirectoryFileError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DirectoryFileError';
    this.code = code;
  }
}

/** @throws DirectoryFileError that names the first members that are wrong, never their values. */
export function parseDirectoryFile(text: string): ParsedDirectoryFile {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // The parser's own message quotes the text around the mistake, so it is not kept as the cause.
    throw new DirectoryFileError('not_json', 'the directory file is not JSON');
  }
  const result = directoryFileSchema.safeParse(json);
  if (result.success) return result.data;
  const problems = result.error.issues
    .slice(0, 3)
    .map((issue) => `${issue.path.join('.') || 'file'}: ${issue.message}`);
  throw new DirectoryFileError('not_the_format', `the directory file is refused: ${problems.join('; ')}`);
}

function parsedBy<T>(parse: (text: string) => T) {
  return (text: string, context: z.RefinementCtx): T => {
    try {
      return parse(text);
    } catch (error) {
      context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) });
      return z.NEVER;
    }
  };
}

/** What no single member can tell: names used twice, and tokens that would speak for two. */
function contradictions(file: {
  environments: readonly z.output<typeof environment>[];
  identities: readonly z.output<typeof identity>[];
  grants: readonly z.output<typeof grant>[];
}): string[] {
  const problems: string[] = [];
  const once = (what: string, values: readonly string[]) => {
    const seen = new Set<string>();
    for (const value of values) {
      if (seen.has(value)) problems.push(`${what} is listed twice`);
      seen.add(value);
    }
  };
  once(
    'an environment id',
    file.environments.map((each) => each.id),
  );
  once(
    'an identity',
    file.identities.map((each) => each.name),
  );
  once(
    'a grant',
    file.grants.map((each) => each.name),
  );
  once('a token', [
    ...file.environments.flatMap((each) => each.executorTokenSha256),
    ...file.identities.flatMap((each) => each.tokens.map((token) => token.sha256)),
  ]);
  for (const each of file.environments) {
    once(
      `a key id of ${each.id}`,
      each.keys.map((key) => key.id),
    );
    once(
      `a key fingerprint of ${each.id}`,
      each.keys.map((key) => key.fingerprint),
    );
  }
  return problems;
}
