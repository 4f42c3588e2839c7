import { z } from 'zod';
import { API_VERSION } from '../names.ts';
import { durationBetween, toMilliseconds } from '../schema/duration.ts';
import { fields, list, oneOf, text, union } from '../schema/fields.ts';
import { metadata, objectReference, secretReference } from '../schema/metadata.ts';
import { ruled } from '../schema/rules.ts';
import { egress } from './egress.ts';
import { podTemplate } from './pod-template.ts';
import { workspace } from './workspace.ts';

const RUNTIME_TYPES =
  '`BuiltIn`: our exec-server in your image. `Codex`: a real `codex exec-server`. `External`: no pod, a host of yours joins.';

const runtime = ruled(
  union('type', (member) => [
    member({ type: z.literal('BuiltIn').describe(RUNTIME_TYPES) }),
    member({
      type: z.literal('Codex').describe(RUNTIME_TYPES),
      codex: fields({
        image: text({ max: 512, message: 'must be the name of an image' })
          .optional()
          .describe(
            "Image that holds a static `codex`. Absent: it is in the workspace container's image, on its PATH.",
          ),
      })
        .prefault({})
        .describe('Settings of the runtime `Codex`.'),
    }),
    member({
      type: z.literal('External').describe(RUNTIME_TYPES),
      external: fields({
        registrationTokenSecretRef: secretReference(
          'Secret with the registration token, in its key `token`: 32 characters or more. Absent: one is made; delete it to change the token.',
        ).optional(),
      })
        .prefault({})
        .describe('Settings of the runtime `External`.'),
    }),
  ]),
  {
    message: 'type cannot change from or to External: make another Executor',
    cel: "(self.type == 'External') == (oldSelf.type == 'External')",
    field: 'type',
  },
);

/** More windows than a week has nights are better said by one schedule. */
const MAX_WINDOWS = 16;

const maintenanceWindow = fields({
  schedule: text({
    max: 100,
    pattern: /^[0-9A-Za-z*,/#?L-]+( +[0-9A-Za-z*,/#?L-]+){4}$/,
    message: 'must be a schedule of five parts: minute, hour, day of month, month, day of week',
  }).describe('When it opens: minute, hour, day of month, month, day of week, as in cron.'),
  duration: durationBetween({ least: '10m', most: '168h' }).describe('How long it is open, from 10m to 168h.'),
  timeZone: text({
    max: 64,
    pattern: /^[A-Za-z0-9_+/-]+$/,
    message: 'must be the name of a time zone, such as Europe/Berlin',
  })
    .default('UTC')
    .describe('Name of a time zone, such as `Europe/Berlin`.'),
});

const PERIOD = '2160h';
const OVERLAP = '24h';

const rotation = ruled(
  fields({
    // A key a minute is for tests; ten years is longer than anybody who would remember why.
    period: durationBetween({ least: '1m', most: '87600h' })
      .prefault(PERIOD)
      .describe('Time from one key to the next, from 1m to 87600h. The default is a quarter of a year.'),
    overlap: durationBetween({ least: '0s', most: '720h' })
      .prefault(OVERLAP)
      .describe('How long the key before is accepted, from 0s to 720h; for `External` the registration token before.'),
    windows: list(maintenanceWindow, { max: MAX_WINDOWS, type: 'atomic' })
      .default([])
      .describe('When the schedule may change keys. None: at any time. Who asks for a rotation gets it at once.'),
  }),
  {
    // Three keys may live at once; with more overlap than this the schedule would wait for itself.
    message: 'overlap must not be longer than the period',
    cel: 'duration(self.overlap) <= duration(self.period)',
    holds: ({ period, overlap }) => toMilliseconds(overlap) <= toMilliseconds(period),
    field: 'overlap',
  },
);

const spec = ruled(
  fields({
    relayRef: objectReference('Relay').describe(
      'The relay in front of it. It must allow the namespace of this executor.',
    ),
    operatingMode: oneOf(['Running', 'Suspended'])
      .default('Running')
      .describe('`Suspended`: the pod is away; workspace, keys and identity are kept.'),
    runtime: runtime.default({ type: 'BuiltIn' }).describe('What runs the commands.'),
    sandbox: fields({
      mode: oneOf(['Container', 'Enforce'])
        .default('Container')
        .describe(
          '`Container`: the pod is the sandbox, and an agent that asks for one is told that it has it. `Enforce`: what an agent asks for is enforced, or refused.',
        ),
    })
      .prefault({})
      .describe("What happens to agents' requests for a sandbox."),
    template: podTemplate
      .optional()
      .describe("The pod. Absent: one container `workspace` with the operator's default image."),
    workspace: workspace.prefault({ type: 'Ephemeral' }).describe('The folder in which commands work.'),
    egress: egress.default([]).describe('What the pod may reach beside DNS and its relay.'),
    // The API server asks the rule of the default before it fills in the defaults inside.
    keys: fields({
      rotation: rotation.prefault({ period: PERIOD, overlap: OVERLAP }).describe('When keys change.'),
      deletionPolicy: oneOf(['Destroy', 'Retain'])
        .default('Destroy')
        .describe(
          'What becomes of a key in the store that is accepted no more. `Destroy`: it is gone. `Retain`: it stays in Vault, marked; a Secret retains nothing.',
        ),
    })
      .prefault({})
      .describe('Noise keys of this executor.'),
    updatePolicy: oneOf(['WhenIdle', 'Immediate', 'OnDelete'])
      .default('WhenIdle')
      .describe(
        'When a pod that is older than the spec is replaced. `WhenIdle`: without sessions. `Immediate`: at once. `OnDelete`: when somebody deletes it.',
      ),
  }),
  {
    message: 'template is not for the runtime External: there is no pod',
    cel: "self.runtime.type != 'External' || !has(self.template)",
    holds: ({ runtime: { type }, template }) => type !== 'External' || template === undefined,
    field: 'template',
  },
  {
    message: 'a persistent workspace is not for the runtime External: there is no pod',
    cel: "self.runtime.type != 'External' || self.workspace.type != 'Persistent'",
    holds: ({ runtime: { type }, workspace: { type: kept } }) => type !== 'External' || kept !== 'Persistent',
    field: 'workspace',
  },
  {
    message: 'egress is not for the runtime External: there is no pod',
    cel: "self.runtime.type != 'External' || size(self.egress) == 0",
    holds: ({ runtime: { type }, egress: rules }) => type !== 'External' || rules.length === 0,
    field: 'egress',
  },
);

/** `Executor`: one place where agents' commands run. */
export const executor = fields({
  apiVersion: z.literal(API_VERSION, { error: `must be ${API_VERSION}` }),
  kind: z.literal('Executor'),
  metadata,
  spec: spec.describe('What is wanted.'),
});
export type Executor = z.infer<typeof executor>;
