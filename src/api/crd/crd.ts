import type { Column, Kind } from '../kinds/kinds.ts';
import { NOT_OBSERVED } from '../kinds/status.ts';
import { GROUP, VERSION } from '../names.ts';
import { DNS_LABEL, DNS_LABEL_ERROR } from '../schema/fields.ts';
import { celText, VALIDATIONS } from '../schema/rules.ts';
import { type Structural, structuralSchema, withoutDefaults } from './structural.ts';

/** The category that `kubectl get noisefleet` lists. */
const CATEGORY = 'noisefleet';

/** The CustomResourceDefinition of a kind. Nothing in it needs a webhook. */
export function customResourceDefinition(kind: Kind) {
  const { plural, singular, shortName, columns, selectableFields, scale } = kind;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${GROUP}` },
    spec: {
      group: GROUP,
      names: {
        kind: kind.kind,
        listKind: `${kind.kind}List`,
        plural,
        singular,
        shortNames: [shortName],
        categories: [CATEGORY],
      },
      scope: 'Namespaced',
      versions: [
        {
          name: VERSION,
          served: true,
          storage: true,
          additionalPrinterColumns: columns.map(printerColumn),
          ...(selectableFields.length > 0 && { selectableFields: selectableFields.map((jsonPath) => ({ jsonPath })) }),
          subresources: {
            status: {},
            ...(scale !== undefined && {
              scale: {
                specReplicasPath: scale.spec,
                statusReplicasPath: scale.status,
                labelSelectorPath: scale.selector,
              },
            }),
          },
          schema: { openAPIV3Schema: objectSchema(kind) },
        },
      ],
    },
  };
}

function printerColumn({ name, type, jsonPath, wide }: Column) {
  return { name, type, jsonPath, ...(wide === true && { priority: 1 }) };
}

function objectSchema({ description, spec, status }: Kind): Structural {
  const specSchema = structuralSchema(spec);
  return {
    type: 'object',
    description,
    properties: {
      apiVersion: { type: 'string', description: `\`${GROUP}/${VERSION}\`.` },
      kind: { type: 'string', description: 'What this is.' },
      metadata: { type: 'object' },
      spec: specSchema,
      status: {
        description: 'What is. Written by the operator only.',
        ...withoutDefaults(structuralSchema(status)),
        default: { observedGeneration: NOT_OBSERVED },
      },
    },
    ...(specSchema.default === undefined && { required: ['spec'] }),
    [VALIDATIONS]: [
      { rule: `self.metadata.name.matches(${celText(DNS_LABEL.source)})`, message: `the name ${DNS_LABEL_ERROR}` },
    ],
  };
}
