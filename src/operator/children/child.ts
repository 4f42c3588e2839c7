import { API_VERSION, FIELD_MANAGER, LABELS } from '../../api/index.ts';

/** The kinds that own children. */
export type OwnerKind = 'Relay' | 'Executor';

/** What a child needs of its owner. */
export interface Owner {
  readonly kind: OwnerKind;
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
}

export type Component = 'registry' | 'relay' | 'executor';

/** What selectors go by: never changes in the life of the owner. Names are DNS labels, so they are label values too. */
export function selectorLabels(
  { kind, name }: Pick<Owner, 'kind' | 'name'>,
  component: Component,
): Record<string, string> {
  return { [LABELS.component]: component, [kind === 'Relay' ? LABELS.relay : LABELS.executor]: name };
}

/** Every label of a child. */
export function childLabels(owner: Pick<Owner, 'kind' | 'name'>, component: Component): Record<string, string> {
  return {
    [LABELS.name]: 'noisefleet',
    [LABELS.instance]: owner.name,
    [LABELS.managedBy]: FIELD_MANAGER,
    ...selectorLabels(owner, component),
  };
}

export interface ChildMetadata {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Record<string, string>;
  readonly annotations?: Record<string, string>;
  readonly ownerReferences: OwnerReference[];
}

interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller: true;
  readonly blockOwnerDeletion: true;
}

/** Metadata of a child: in the owner's namespace, owned by it, labelled ours. */
export function childMetadata(owner: Owner, component: Component, name: string): ChildMetadata {
  const { kind, uid } = owner;
  return {
    name,
    namespace: owner.namespace,
    labels: childLabels(owner, component),
    ownerReferences: [
      { apiVersion: API_VERSION, kind, name: owner.name, uid, controller: true, blockOwnerDeletion: true },
    ],
  };
}

/** A desired object: what the type says, plus what server-side apply needs. */
export type Child<Body> = Body & {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ChildMetadata;
};
