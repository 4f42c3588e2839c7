import { Command } from 'commander';
import { documentIn, outputFlag } from '../output/output-format.ts';
import { askedControlSocketFlag, askRelay, type ControlFlags } from './control-socket.ts';
import { relayStatusText } from './status-text.ts';

interface StatusFlags extends ControlFlags {
  readonly output?: 'json' | 'yaml';
}

export function relayStatusCommand(): Command {
  return new Command('status')
    .description('Show what the relay of this container says of itself: who is here, what waits, round trips, limits.')
    .addOption(askedControlSocketFlag())
    .addOption(outputFlag('json', 'yaml'))
    .addHelpText('after', '\nExample:\n  $ kubectl exec -n agents deploy/main-relay -- noisefleet relay status')
    .action(async ({ output, ...flags }: StatusFlags) => {
      const { askStatus } = await import('../../relay/index.ts');
      const status = await askRelay(flags, askStatus);
      process.stdout.write(output === undefined ? relayStatusText(status, Date.now()) : documentIn(output, status));
    });
}
