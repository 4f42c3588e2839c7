import { EXIT } from '../exit.ts';

/** An error whose message is written for people: what happened, why (with its code), and the next command. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: number;

  constructor(
    what: string,
    { code, hint, exitCode = EXIT.failed }: { code?: string; hint?: string; exitCode?: number } = {},
  ) {
    const why = code === undefined ? '' : ` (${code})`;
    const next = hint === undefined ? '' : `\n  ${hint.replaceAll('\n', '\n  ')}`;
    super(`${what}${why}${next}`);
    this.exitCode = exitCode;
  }
}
