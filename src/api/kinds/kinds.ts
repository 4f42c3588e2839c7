import type { z } from 'zod';
import { executor } from './executor.ts';
import { executorStatus } from './executor-status.ts';
import { executorGrant, executorGrantStatus } from './grant.ts';
import { relay } from './relay.ts';
import { relayStatus } from './relay-status.ts';

/** One column of `kubectl get`. */
export interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'date';
  readonly jsonPath: string;
  /** Only under `-o wide`. */
  readonly wide?: true;
}

/** All that a CRD needs to know about a kind beside its schema. */
export interface Kind {
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortName: string;
  readonly description: string;
  readonly spec: z.ZodType;
  readonly status: z.ZodType;
  readonly columns: readonly Column[];
  /** For `--field-selector`, and for whoever wants to list by reference. */
  readonly selectableFields: readonly string[];
  readonly scale?: { readonly spec: string; readonly status: string; readonly selector: string };
}

const ready = (field: string) => `.status.conditions[?(@.type=="Ready")].${field}`;
const READY_COLUMNS: readonly Column[] = [
  { name: 'Ready', type: 'string', jsonPath: ready('status') },
  { name: 'Reason', type: 'string', jsonPath: ready('reason') },
];
const AGE: Column = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };
const MESSAGE: Column = { name: 'Message', type: 'string', jsonPath: ready('message'), wide: true };

export const KINDS: readonly Kind[] = [
  {
    kind: 'Relay',
    plural: 'relays',
    singular: 'relay',
    shortName: 'rly',
    description: 'Relay is the front door: relays and their registry, one trust domain.',
    spec: relay.shape.spec,
    status: relayStatus,
    columns: [
      ...READY_COLUMNS,
      { name: 'Relays', type: 'integer', jsonPath: '.status.readyReplicas' },
      { name: 'Registries', type: 'integer', jsonPath: '.status.registry.readyReplicas' },
      { name: 'Executors', type: 'integer', jsonPath: '.status.executors' },
      AGE,
      { name: 'TLS', type: 'string', jsonPath: '.spec.tls.type', wide: true },
      { name: 'Relay', type: 'string', jsonPath: '.status.addresses[?(@.type=="Internal")].relayURL', wide: true },
      { name: 'External', type: 'string', jsonPath: '.status.addresses[?(@.type=="External")].relayURL', wide: true },
      MESSAGE,
    ],
    selectableFields: [],
    scale: { spec: '.spec.replicas', status: '.status.replicas', selector: '.status.selector' },
  },
  {
    kind: 'Executor',
    plural: 'executors',
    singular: 'executor',
    shortName: 'exr',
    description: 'Executor is one place where commands of coding agents run.',
    spec: executor.shape.spec,
    status: executorStatus,
    columns: [
      ...READY_COLUMNS,
      { name: 'Relay', type: 'string', jsonPath: '.status.relay' },
      { name: 'Key', type: 'string', jsonPath: '.status.activeKeyID' },
      // Not a date: those count from the past, and this is in the future.
      { name: 'Rotates', type: 'string', jsonPath: '.status.nextRotationTime' },
      { name: 'Clients', type: 'integer', jsonPath: '.status.sessions.count' },
      AGE,
      { name: 'Runtime', type: 'string', jsonPath: '.spec.runtime.type', wide: true },
      { name: 'Mode', type: 'string', jsonPath: '.spec.operatingMode', wide: true },
      { name: 'Environment', type: 'string', jsonPath: '.status.environmentID', wide: true },
      { name: 'Pod', type: 'string', jsonPath: '.status.pod.name', wide: true },
      MESSAGE,
    ],
    selectableFields: ['.spec.relayRef.name', '.spec.relayRef.namespace', '.spec.runtime.type'],
  },
  {
    kind: 'ExecutorGrant',
    plural: 'executorgrants',
    singular: 'executorgrant',
    shortName: 'exg',
    description: 'ExecutorGrant says who may connect to which executors of its namespace. Closed by default.',
    spec: executorGrant.shape.spec,
    status: executorGrantStatus,
    columns: [
      ...READY_COLUMNS,
      { name: 'Executors', type: 'integer', jsonPath: '.status.executors' },
      { name: 'Expires', type: 'string', jsonPath: '.spec.expirationTime' },
      AGE,
      MESSAGE,
    ],
    selectableFields: [],
  },
];
