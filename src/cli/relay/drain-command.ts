import { setTimeout as delay } from 'node:timers/promises';
import { Command } from 'commander';
import type { RelayStatus } from '../../relay/index.ts';
import { EXIT } from '../exit.ts';
import { askedControlSocketFlag, askRelay, type ControlFlags } from './control-socket.ts';
import { isEmpty, whoIsHere } from './status-text.ts';

/** Often enough to watch a drain of seconds. Milliseconds. */
const LOOK_MS = 500;

interface DrainFlags extends ControlFlags {
  readonly wait: boolean;
}

export function relayDrainCommand(): Command {
  return new Command('drain')
    .description('Let the sessions of the relay of this container move to others, as at its end; the process stays.')
    .addOption(askedControlSocketFlag())
    .option('--wait', 'until nobody is left, or the time of the drain is over', false)
    .addHelpText(
      'after',
      '\nFrom then on it is unready for good: only a restart takes it back. Exit code with --wait: 0 when nobody is left, 3 when somebody is.\n\nExample:\n  $ kubectl exec -n agents POD -- noisefleet relay drain --wait',
    )
    .action(drain);
}

async function drain({ wait, ...flags }: DrainFlags): Promise<void> {
  const { askDrain, askStatus } = await import('../../relay/index.ts');
  let status = await askRelay(flags, askDrain);
  let shown = show(status);
  while (wait && status.drain?.ended === false) {
    await delay(LOOK_MS);
    const next = await askRelay(flags, askStatus).catch(() => undefined);
    if (next === undefined || next.bootId !== status.bootId) {
      process.stdout.write('the relay has ended\n');
      return;
    }
    status = next;
    shown = show(status, shown);
  }
  if (!wait) return;
  process.stdout.write(isEmpty(status) ? 'drained: nobody is left\n' : 'the time is over, and somebody is left\n');
  if (!isEmpty(status)) process.exitCode = EXIT.notReady;
}

/** A line for each change. */
function show(status: RelayStatus, before?: string): string {
  const line = `draining · ${whoIsHere(status)}\n`;
  if (line !== before) process.stdout.write(line);
  return line;
}
