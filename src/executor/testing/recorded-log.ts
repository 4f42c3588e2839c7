import { createLogger, type Logger } from '../../telemetry/index.ts';

/** A real logger at the lowest level whose lines a test can read. */
export class RecordedLog {
  readonly #lines: Record<string, unknown>[] = [];
  readonly logger: Logger;

  constructor() {
    const write = (line: string) => {
      const parsed: unknown = JSON.parse(line);
      if (typeof parsed === 'object' && parsed !== null) this.#lines.push({ ...parsed });
    };
    this.logger = createLogger({ component: 'executor', level: 'trace', destination: { write } });
  }

  /** The fields of all lines with this message, or of all lines. */
  lines(message?: string): Record<string, unknown>[] {
    return this.#lines.filter(({ msg }) => message === undefined || msg === message);
  }
}
