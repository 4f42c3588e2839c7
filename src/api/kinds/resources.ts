import { fields } from '../schema/fields.ts';
import { bytesQuantity, cpuQuantity, quantityValue } from '../schema/quantity.ts';
import { ruled } from '../schema/rules.ts';

export interface ResourceDefaults {
  readonly cpu: string;
  readonly memory: string;
  readonly memoryLimit: string;
}

/** What one replica asks for, and what it may take. Memory always has a limit: queues are budgeted from it, and a node is not ours alone. */
export function containerResources({ cpu, memory, memoryLimit }: ResourceDefaults) {
  const requests = fields({
    cpu: cpuQuantity().default(cpu).describe('CPU that is set aside.'),
    memory: bytesQuantity(memory).default(memory).describe('Memory that is set aside.'),
  });
  const limits = fields({
    cpu: cpuQuantity().optional().describe('CPU that it may take. Absent: what the node has.'),
    memory: bytesQuantity(memoryLimit).default(memoryLimit).describe('Memory that it may take.'),
  });
  return ruled(
    fields({
      requests: requests.prefault({}).describe('What a replica asks for.'),
      limits: limits.prefault({}).describe('What a replica may take at most.'),
    }),
    {
      message: 'requests.memory must not be above limits.memory',
      cel: notAbove('self.requests.memory', 'self.limits.memory'),
      holds: ({ requests: asked, limits: most }) => quantityValue(asked.memory) <= quantityValue(most.memory),
      field: 'requests',
    },
    {
      message: 'requests.cpu must not be above limits.cpu',
      cel: `!has(self.limits.cpu) || ${notAbove('self.requests.cpu', 'self.limits.cpu')}`,
      holds: ({ requests: asked, limits: most }) =>
        most.cpu === undefined || quantityValue(asked.cpu) <= quantityValue(most.cpu),
      field: 'requests',
    },
  );
}

/** Of two quantities; what is none has an answer of its own. */
function notAbove(asked: string, most: string): string {
  return `(isQuantity(${asked}) && isQuantity(${most}) ? quantity(${asked}).compareTo(quantity(${most})) <= 0 : true)`;
}
