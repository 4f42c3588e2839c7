import type { KubeObject } from '../../objects/object.ts';
import { defineResource } from '../../objects/resource.ts';

/** A custom kind that has what ours have: status, a keyed list, a set. */
export interface Widget extends KubeObject {
  readonly spec?: {
    readonly size?: number;
    readonly colour?: string;
    readonly parts?: readonly { readonly name: string; readonly count?: number }[];
    readonly tags?: readonly string[];
  };
  readonly status?: {
    readonly phase?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

const GROUP = 'conformance.noisefleet.dev';

export const widgets = defineResource<Widget>({ group: GROUP, version: 'v1', kind: 'Widget', plural: 'widgets' });

const keyedList = (key: string, properties: object) => ({
  type: 'array',
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': [key],
  items: { type: 'object', required: [key], properties },
});

/** The CustomResourceDefinition to apply before. */
export const widgetDefinition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `widgets.${GROUP}` },
  spec: {
    group: GROUP,
    scope: 'Namespaced',
    names: { kind: 'Widget', plural: 'widgets', singular: 'widget', listKind: 'WidgetList' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: {
                type: 'object',
                properties: {
                  size: { type: 'integer' },
                  colour: { type: 'string' },
                  parts: keyedList('name', { name: { type: 'string' }, count: { type: 'integer' } }),
                  tags: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
                },
              },
              status: {
                type: 'object',
                properties: {
                  phase: { type: 'string' },
                  conditions: keyedList('type', { type: { type: 'string' }, status: { type: 'string' } }),
                },
              },
            },
          },
        },
      },
    ],
  },
};
