import type { z } from 'zod';
import { fields, list, oneOf, prose, text, time } from '../schema/fields.ts';
import { count, statusBase } from './status.ts';

const MAX_URL = 512;
const MAX_TICKET_KEYS = 8;
const MAX_CERTIFICATES = 8;
/** A label selector in its text form. */
const MAX_SELECTOR = 1024;

const url = text({ max: MAX_URL, message: 'must be a URL' });

const address = fields({
  type: oneOf(['Internal', 'External']).describe('`Internal`: in this cluster. `External`: from anywhere.'),
  registryURL: url.describe('Base URL of the registry.'),
  relayURL: url.describe('Base URL of the relays.'),
  caBundle: prose.optional().describe('PEM certificates that sign those of both. Absent: publicly trusted.'),
});

const ticketKey = fields({
  id: text({ max: 64, message: 'must be the id of a key' }).describe('The `kid` of tickets that it signs.'),
  state: oneOf(['Prepared', 'Active', 'Retiring']).describe(
    '`Prepared`: replicas load it. `Active`: signs. `Retiring`: what it signed is still taken.',
  ),
  creationTime: time.describe('When it was made.'),
  activationTime: time.optional().describe('When it began to sign.'),
  retirementTime: time.optional().describe('When it is, or was, no longer taken.'),
});

const certificate = fields({
  name: text({ max: 253, message: 'must be a name' }).describe('Name of the Secret.'),
  fingerprint: text({ max: 128, message: 'must be a fingerprint' }).describe('SHA-256 of the certificate.'),
  expirationTime: time.describe('When it ends.'),
  renewalTime: time.optional().describe('When it is renewed. Absent: not by us.'),
});

const replicas = fields({
  replicas: count.describe('How many there are.'),
  readyReplicas: count.describe('How many of them are ready.'),
});

export const relayStatus = fields({
  ...statusBase,
  addresses: list(address, { max: 2, type: 'map', keys: ['type'] })
    .prefault([])
    .describe('Where to find it.'),
  replicas: count.optional().describe('Relay replicas that there are.'),
  readyReplicas: count.optional().describe('Relay replicas that are ready.'),
  terminatingReplicas: count
    .optional()
    .describe('Relay replicas that end: their sessions move to others. Absent: none, or not known.'),
  selector: text({ max: MAX_SELECTOR, message: 'must be a selector' })
    .optional()
    .describe('Selects the relay pods, for autoscalers.'),
  registry: replicas.optional().describe('Registry replicas.'),
  executors: count.optional().describe('Executors that use it. Absent: not known.'),
  ticketKeys: list(ticketKey, { max: MAX_TICKET_KEYS, type: 'map', keys: ['id'] })
    .prefault([])
    .describe('Keys that sign tickets.'),
  certificates: list(certificate, { max: MAX_CERTIFICATES, type: 'map', keys: ['name'] })
    .prefault([])
    .describe('Certificates in use.'),
});
export type RelayStatus = z.infer<typeof relayStatus>;
