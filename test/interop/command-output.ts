import { z } from 'zod';

const completed = z.looseObject({
  type: z.literal('item.completed'),
  item: z.looseObject({ type: z.literal('command_execution'), command: z.string(), aggregated_output: z.string() }),
});

/** What Codex itself collected of its first command that contains `part`, from the lines of `codex exec --json`. */
export function commandOutput(jsonLines: string, part = ''): string {
  for (const line of jsonLines.split('\n')) {
    if (!line.startsWith('{')) continue;
    const event = completed.safeParse(JSON.parse(line));
    if (event.success && event.data.item.command.includes(part)) return event.data.item.aggregated_output;
  }
  return '';
}
