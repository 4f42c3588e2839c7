import { Command } from 'commander';
import type { CommandEntry } from '../command-entry.ts';
import { candidates } from '../completion/candidates.ts';
import { knownExecutors } from '../completion/known-executors.ts';

/** To shells that speak the protocol of cobra, kubectl among them: these words and no file names. */
const NO_FILES = ':4';
/** As above, and file names too. */
const FILES_TOO = ':0';

/** `noisefleet __complete WORDS…`, which completion scripts and kubectl call. */
export function completeCommand(commands: readonly CommandEntry[]): Command {
  return new Command('__complete')
    .argument('[words...]')
    .allowUnknownOption()
    .passThroughOptions()
    .helpOption(false)
    .action(async (words: readonly string[]) => {
      const found = await candidates(words, commands, knownExecutors);
      process.stdout.write([...found, found.length === 0 ? FILES_TOO : NO_FILES].map((line) => `${line}\n`).join(''));
    });
}
