import { Option } from 'commander';
import { stringify } from 'yaml';

/** `table` stands for no `-o` at all. */
export type OutputFormat = 'table' | 'wide' | 'json' | 'yaml' | 'name';

/** `-o`, with those of kubectl's formats that a command has. */
export function outputFlag(...formats: readonly Exclude<OutputFormat, 'table'>[]): Option {
  return new Option('-o, --output <format>', 'for machines, or wider').choices(formats);
}

/** A document for machines. Its fields are API: one may be added, none renamed. */
export function documentIn(format: 'json' | 'yaml', value: unknown): string {
  return format === 'json' ? `${JSON.stringify(value, null, 2)}\n` : stringify(value, { lineWidth: 0 });
}
