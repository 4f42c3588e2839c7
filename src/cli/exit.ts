/** What the process ends with; scripts decide by it, so a number never changes its meaning. */
export const EXIT = {
  done: 0,
  failed: 1,
  /** Wrong flags, arguments or manifests: the same call cannot succeed later. */
  usage: 2,
  notReady: 3,
  /** Somebody said no: no grant, a revoked key. */
  refused: 4,
} as const;

/** The call itself is wrong. The message says what is allowed. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly code = 'usage';
  readonly exitCode: number = EXIT.usage;
}

/** The exit code that an error brings along, or `failed`. */
export function exitCodeOf(error: unknown): number {
  if (typeof error !== 'object' || error === null || !('exitCode' in error)) return EXIT.failed;
  return typeof error.exitCode === 'number' && Number.isInteger(error.exitCode) ? error.exitCode : EXIT.failed;
}

/** What people read: the message, the code if there is one, and the causes below it. Stacks are for `--log-level debug`. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error && typeof error.code === 'string' && error.code !== 'usage' ? ` (${error.code})` : '';
  const cause = error.cause === undefined ? [] : [`  because: ${describeError(error.cause)}`];
  const [what, ...more] = error.message.split('\n');
  return [`${what}${code}`, ...more, ...cause].join('\n');
}
