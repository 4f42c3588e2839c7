import { z } from 'zod';
import { dnsName, fields, text, union } from '../schema/fields.ts';
import { bytesQuantity } from '../schema/quantity.ts';
import { ruled } from '../schema/rules.ts';

const size = bytesQuantity('20Gi', {
  message: 'may grow, not shrink: volumes cannot',
  // Checked only when both are quantities, so that a wrong one gets the answer above.
  cel: 'isQuantity(self) && isQuantity(oldSelf) ? quantity(self).compareTo(quantity(oldSelf)) >= 0 : true',
});

const persistent = ruled(
  fields({
    size: size.describe('Size of the volume; it may grow, not shrink.'),
    storageClassName: dnsName
      .optional()
      .describe('Storage class. Absent: the default one of the cluster. Cannot change.'),
  }),
  {
    message: 'storageClassName cannot change: a volume stays where it is',
    cel: [
      'has(self.storageClassName) == has(oldSelf.storageClassName)',
      '(!has(self.storageClassName) || self.storageClassName == oldSelf.storageClassName)',
    ].join(' && '),
  },
);

const PATH_ERROR = 'must be an absolute path of at most 255 characters, without .. and without a slash at its end';
const path = ruled(text({ max: 255, message: PATH_ERROR }), {
  message: PATH_ERROR,
  cel: "self.matches('^/.*[^/]$') && !self.contains('/../') && !self.endsWith('/..')",
  holds: (value) => /^\/[^\0]*[^/\0]$/.test(value) && !/\/\.\.(\/|$)/.test(value),
})
  .default('/tmp/noisefleet')
  .describe('Where it is mounted and where commands start.');

/** Where commands work. A change of type would lose what is in it, so there is none. */
export const workspace = ruled(
  union('type', (member) => [
    member({
      type: z
        .literal('Ephemeral')
        .describe('`Ephemeral`: gone with the pod. `Persistent`: a volume claim that is kept.'),
      path,
    }),
    member({
      type: z
        .literal('Persistent')
        .describe('`Ephemeral`: gone with the pod. `Persistent`: a volume claim that is kept.'),
      path,
      persistent: persistent.describe('The volume claim.'),
    }),
  ]),
  {
    message: 'type cannot change: what is in the workspace would be lost',
    cel: 'self.type == oldSelf.type',
    field: 'type',
  },
);
