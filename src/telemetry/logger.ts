import { type DestinationStream, type Logger, pino } from 'pino';

export type { Logger } from 'pino';

export interface LoggerOptions {
  /** The process part that speaks: `registry`, `relay`, `executor`, … */
  component: string;
  level?: string;
  /** Standard error by default: standard output belongs to what the user asked for. */
  destination?: DestinationStream;
}

/**
 * Field names that may never be printed, wherever they turn up. The rule is that nobody logs a secret; this is the net below it.
 * A test runs whole sessions at the lowest level and searches the logs for every secret made.
 */
const SECRET_FIELDS = [
  'token',
  'ticket',
  'authorization',
  'url',
  'secret',
  'payload',
  'bearer',
  'clientToken',
  'registrationToken',
];

/** JSON lines on standard error: RFC 3339 times, level names, static messages with fields. */
export function createLogger({ component, level = 'info', destination }: LoggerOptions): Logger {
  return pino(
    {
      level,
      base: { component },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`]), censor: '[redacted]' },
    },
    destination ?? pino.destination({ fd: 2, sync: true }),
  );
}
