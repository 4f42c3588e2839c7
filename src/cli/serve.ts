import type { Command } from 'commander';
import { createLogger, createMetrics, type Logger, type Metrics } from '../telemetry/index.ts';
import { describeError, EXIT, exitCodeOf } from './exit.ts';
import { flag, logLevelFlag, parseListen, parseOptionalListen } from './flags.ts';
import { productVersion } from './product-version.ts';

/** After this the process ends anyway: a supervisor would kill it soon after, without a word in the log. Milliseconds. */
const STOP_GRACE_MS = 25_000;
/** For the rest of the end of a service that says how long it takes. Milliseconds. */
const STOP_SLACK_MS = 10_000;

export interface Service {
  /** How long `close` may take when all is well, for one that has a reason to take its time. Milliseconds. */
  readonly closesWithinMs?: number;
  /** Resolves with the reason when the service ended by itself because somebody refused it for good. */
  readonly stopped?: Promise<string>;
  close(): Promise<void>;
}

export interface ServeOptions {
  readonly component: string;
  readonly logLevel: string;
  /** Ends when standard input does: the parent's death, however it came about, closes that pipe. */
  readonly exitOnStdinClose: boolean;
  start(telemetry: { logger: Logger; metrics: Metrics }): Promise<Service>;
}

/** The flags that every long-running part has. */
export function withServiceFlags(command: Command, { adminDefault }: { adminDefault: string }): Command {
  return command
    .addOption(
      flag('--admin-listen <host:port>', '/livez, /readyz and /metrics; "none" for no such listener')
        .argParser(parseOptionalListen)
        .default(parseOptionalListen(adminDefault), adminDefault),
    )
    .addOption(logLevelFlag())
    .option('--exit-on-stdin-close', 'end when standard input closes, as it does when the parent dies', false);
}

export function listenFlag(description: string, fallback: string) {
  return flag('--listen <host:port>', description).argParser(parseListen).default(parseListen(fallback), fallback);
}

/**
 * Runs a service until SIGTERM, SIGINT or the end of standard input, closes it and exits 0. A second signal exits at once.
 * When the service is refused for good it exits 4. Never returns normally: what is still open in the event loop must not keep a stopped process.
 */
export async function serve({ component, logLevel, exitOnStdinClose, start }: ServeOptions): Promise<void> {
  const logger = createLogger({ component, level: logLevel });
  const metrics = createMetrics({ component, version: productVersion(), processMetrics: true });
  const stopped = stopRequest(exitOnStdinClose);
  const starting = start({ logger, metrics }).catch((error: unknown) => {
    process.stderr.write(`error: ${describeError(error)}\n`);
    process.exit(exitCodeOf(error)); // the watch on standard input would keep a process that never started
  });
  const service = await Promise.race([starting, stopped.then(() => undefined)]);
  if (service === undefined) process.exit(EXIT.done); // stopped while starting: nothing has been promised to anybody yet
  const refused = service.stopped?.then((reason) => ({ reason, code: EXIT.refused })) ?? new Promise<never>(() => {});
  const { reason, code } = await Promise.race([stopped.then((asked) => ({ reason: asked, code: EXIT.done })), refused]);
  logger.info({ reason }, 'stopping');
  setTimeout(() => process.exit(EXIT.failed), stopGraceMs(service)).unref();
  await service.close();
  logger.info('stopped');
  process.exit(code);
}

/** From the request to stop until the process ends whatever is left. Milliseconds. */
export function stopGraceMs({ closesWithinMs = 0 }: Pick<Service, 'closesWithinMs'>): number {
  return Math.max(STOP_GRACE_MS, closesWithinMs + STOP_SLACK_MS);
}

/**
 * Ctrl-C in a terminal reaches a process twice when npm started it: from the terminal and, passed on, from npm. What comes this soon
 * after the first is the same wish. Milliseconds.
 */
const SAME_WISH_MS = 300;

/** Resolves with the reason at the first request to stop; the second signal exits with the code that shells expect. */
export function stopRequest(exitOnStdinClose = false): Promise<string> {
  return new Promise((resolve) => {
    let askedAt: number | undefined;
    const onSignal = (name: 'SIGTERM' | 'SIGINT', code: number) => {
      process.on(name, () => {
        const now = performance.now();
        askedAt ??= now;
        resolve(name);
        if (now - askedAt > SAME_WISH_MS) process.exit(code);
      });
    };
    onSignal('SIGTERM', 143);
    onSignal('SIGINT', 130);
    if (!exitOnStdinClose) return;
    process.stdin.on('close', () => resolve('standard input closed'));
    process.stdin.on('error', () => resolve('standard input failed'));
    process.stdin.resume();
  });
}
