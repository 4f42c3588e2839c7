import { createLogger, type Logger } from '../../src/telemetry/index.ts';

/** What all parts logged at the lowest level, readable for a test. */
export class PlaneLog {
  readonly #lines: string[] = [];

  logger(component: string): Logger {
    return createLogger({
      component,
      level: 'trace',
      destination: { write: (line: string) => this.#lines.push(line) },
    });
  }

  text(): string {
    return this.#lines.join('');
  }

  has(component: string, message: string): boolean {
    return this.lines(component, message).length > 0;
  }

  lines(component: string, message: string): readonly { readonly [field: string]: unknown }[] {
    return this.#lines
      .filter((line) => line.includes(`"component":"${component}"`) && line.includes(`"msg":"${message}"`))
      .map((line) => JSON.parse(line));
  }
}
