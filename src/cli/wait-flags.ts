import { type Command, InvalidArgumentError, Option } from 'commander';
import { isDuration, toMilliseconds } from '../api/index.ts';

export interface WaitFlags {
  readonly wait: boolean;
  /** Milliseconds. */
  readonly timeout: number;
}

/** Timers are of an hour at most. */
const MAX_TIMEOUT_MS = 3_600_000;

/** `--wait`, and `--timeout` with that duration where none is given. */
export function waitFlags(command: Command, until: string, timeout: string): Command {
  return command
    .option('--wait', until, false)
    .addOption(
      new Option('--timeout <duration>', 'how long to wait, at most 1h')
        .argParser(waitTime)
        .default(waitTime(timeout), timeout),
    );
}

function waitTime(text: string): number {
  if (isDuration(text) && toMilliseconds(text) <= MAX_TIMEOUT_MS) return toMilliseconds(text);
  throw new InvalidArgumentError('Write a duration of at most an hour, such as 5m or 90s.');
}
