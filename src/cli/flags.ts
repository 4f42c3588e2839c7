import { type Command, InvalidArgumentError, Option } from 'commander';
import { UsageError } from './exit.ts';

/** A flag, and whether the command can do without it. */
class Flag extends Option {
  needed = false;

  override makeOptionMandatory(): this {
    this.needed = true;
    return this;
  }
}

/**
 * A flag that the environment can set too: `--relay-url` is `NOISEFLEET_RELAY_URL`. The flag wins. Secrets are never flags, since
 * arguments are readable by every process of the machine: they come as paths of files.
 */
export function flag(flags: string, description: string): Option {
  const option = new Flag(flags, description);
  return option.env(`NOISEFLEET_${option.name().replaceAll('-', '_').toUpperCase()}`);
}

/**
 * Checked by ourselves, after everything else: commander would complain about a missing flag before it names the misspelt one.
 *
 * @throws UsageError
 */
export function checkNeededFlags(command: Command): void {
  for (const option of command.options) {
    if (!(option instanceof Flag) || !option.needed) continue;
    if (command.getOptionValue(option.attributeName()) === undefined) {
      throw new UsageError(`${option.flags} is missing; ${option.envVar} can say it too`);
    }
  }
}

export interface Listen {
  readonly host: string;
  readonly port: number;
}

const PORT_LIMIT = 65_536;

/** `HOST:PORT`, with IPv6 in brackets; port 0 takes a free one. */
export function parseListen(text: string): Listen {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):([0-9]{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port >= PORT_LIMIT)
    throw new InvalidArgumentError('Write HOST:PORT, such as 127.0.0.1:8080.');
  return { host, port };
}

/** As `parseListen`, where `none` means that there is no such listener. */
export function parseOptionalListen(text: string): Listen | undefined {
  return text === 'none' ? undefined : parseListen(text);
}

/** An absolute URL with one of `protocols`, without a slash at its end. */
export function urlOf(...protocols: readonly string[]): (text: string) => string {
  return (text) => {
    if (!URL.canParse(text) || !protocols.includes(new URL(text).protocol.slice(0, -1))) {
      throw new InvalidArgumentError(
        `Write a URL that begins with ${protocols.map((each) => `${each}://`).join(' or ')}.`,
      );
    }
    return text.replace(/\/+$/, '');
  };
}

/** For a flag that may be given several times. */
export function collect<Value>(parse: (text: string) => Value): (text: string, before?: readonly Value[]) => Value[] {
  return (text, before = []) => [...before, parse(text)];
}

/** Of every process that dials a registry or a relay. */
export function caFileFlag(): Option {
  return flag('--ca-file <file>', 'certificates (PEM) to trust in place of the system’s; followed');
}

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'];

export function logLevelFlag(level = 'info'): Option {
  return flag('--log-level <level>', 'lowest level that is logged').choices(LOG_LEVELS).default(level);
}
