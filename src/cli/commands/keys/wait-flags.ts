import { type Command, InvalidArgumentError, Option } from 'commander';
import { isDuration, toMilliseconds } from '../../../api/index.ts';

export interface WaitFlags {
  readonly wait: boolean;
  /** Milliseconds. */
  readonly timeout: number;
}

/** The new key is there in seconds, of a thousand executors in minutes. */
const TIMEOUT = '15m';

/** Timers are of an hour at most. */
const MAX_TIMEOUT_MS = 3_600_000;

export function waitFlags(command: Command, until: string): Command {
  return command
    .option('--wait', until, false)
    .addOption(
      new Option('--timeout <duration>', 'how long to wait, at most 1h')
        .argParser(waitTime)
        .default(waitTime(TIMEOUT), TIMEOUT),
    );
}

function waitTime(text: string): number {
  if (isDuration(text) && toMilliseconds(text) <= MAX_TIMEOUT_MS) return toMilliseconds(text);
  throw new InvalidArgumentError('Write a duration of at most an hour, such as 5m or 90s.');
}
