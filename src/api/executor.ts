import { z } from 'zod';
import { durationBetween } from './duration.ts';
import { dnsLabel, fields, oneOf, union } from './fields.ts';
import { API_VERSION, metadata, objectReference } from './metadata.ts';

/** Where the commands run: our exec-server, a real Codex one, or a host that joins from outside. */
const runtime = union(
  'type',
  ['BuiltIn', 'Codex', 'External'],
  [
    fields({ type: z.literal('BuiltIn') }),
    fields({ type: z.literal('Codex'), codex: fields({}).prefault({}) }),
    fields({
      type: z.literal('External'),
      external: fields({ registrationTokenSecretRef: fields({ name: dnsLabel }).optional() }).prefault({}),
    }),
  ],
);

const CONTAINERS_ERROR = 'must be a list with the container "workspace"';
const containers = z
  .array(z.looseObject({ name: dnsLabel }), { error: CONTAINERS_ERROR })
  .refine((list) => list.some(({ name }) => name === 'workspace'), { error: CONTAINERS_ERROR });

/** A pod template: the containers' names are typed because rules need them, the rest is kept as it is. */
const podTemplate = z.looseObject({
  metadata: z.looseObject({}).optional(),
  spec: z.looseObject({ containers }),
});

const PATH_ERROR = 'must be an absolute path without a slash at its end';
const workspacePath = z
  .string({ error: PATH_ERROR })
  .regex(/^\/[^\0]*[^/\0]$/, { error: PATH_ERROR })
  .default('/tmp/noisefleet');

const quantity = z.string().regex(/^[0-9]+(\.[0-9]+)?(m|[kMGTPE]i?)?$/, { error: 'must be a quantity such as 20Gi' });

const workspace = union(
  'type',
  ['Ephemeral', 'Persistent'],
  [
    fields({ type: z.literal('Ephemeral'), path: workspacePath }),
    fields({ type: z.literal('Persistent'), path: workspacePath, persistent: fields({ size: quantity }) }),
  ],
);

const rotation = fields({
  // A key a minute is for tests; ten years is longer than anybody who would remember why.
  period: durationBetween({ least: '1m', most: '87600h' }).prefault('2160h'),
  overlap: durationBetween({ least: '0s', most: '720h' }).prefault('24h'),
});

/** `Executor`: one place where agents' commands run. */
export const executor = fields({
  apiVersion: z.literal(API_VERSION, { error: `must be ${API_VERSION}` }),
  kind: z.literal('Executor'),
  metadata,
  spec: fields({
    relayRef: objectReference,
    runtime: runtime.default({ type: 'BuiltIn' }),
    sandbox: fields({ mode: oneOf(['Container', 'Enforce']).default('Container') }).prefault({}),
    template: podTemplate.optional(),
    workspace: workspace.default({ type: 'Ephemeral', path: '/tmp/noisefleet' }),
    keys: fields({ rotation: rotation.prefault({}) }).prefault({}),
    updatePolicy: oneOf(['WhenIdle', 'Immediate', 'OnDelete']).default('WhenIdle'),
  }),
});
export type Executor = z.infer<typeof executor>;
