import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { HarnessError, type RemoteProcess } from '../../harness/index.ts';

/** The end of a terminal's input: Ctrl-D. */
const END_OF_TRANSMISSION = Buffer.from([4]);

/** 128 + SIGPIPE: what a program gets whose reader went away. */
export const BROKEN_PIPE = 141;

/** Copies a stream of the command to ours at the pace of our reader. Resolves to false when that reader has gone. */
export async function copyOut(from: Readable, to: Writable): Promise<boolean> {
  let gone = false;
  const onError = () => {
    gone = true;
    from.destroy();
  };
  to.on('error', onError);
  try {
    for await (const chunk of from) if (!to.write(chunk) && !gone) await once(to, 'drain');
    return !gone;
  } catch (error) {
    if (gone) return false;
    throw error;
  }
}

/** What takes the command's standard input. */
export interface Input {
  write(chunk: Uint8Array): Promise<void>;
  end(): Promise<void>;
}

/** Input of a command with a terminal: its end is a character there. */
export function terminalInput(command: RemoteProcess): Input {
  return { write: (chunk) => command.write(chunk), end: () => command.write(END_OF_TRANSMISSION) };
}

/** Input of a command with a pipe, on an executor that can close it. */
export function pipeInput(command: RemoteProcess): Input {
  return { write: (chunk) => command.write(chunk), end: () => command.closeStdin() };
}

/** Copies our standard input until it ends, or until the command takes no more. */
export async function copyIn(from: Readable, to: Input): Promise<void> {
  try {
    for await (const chunk of from) await to.write(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
    await to.end();
  } catch (error) {
    // A command need not read its input, and its end destroys ours; how it ended is told elsewhere.
    const quiet = error instanceof HarnessError || !from.readable;
    if (!quiet) throw error;
  }
}
