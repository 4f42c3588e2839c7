import type { Logger } from '../../telemetry/index.ts';
import type { KubeObject } from '../objects/object.ts';
import type { Resource } from '../objects/resource.ts';
import { projectForCache } from './projection.ts';

/** An object as it came from the server: its metadata, and what could be read of it. */
export interface Arrival<T> extends KubeObject {
  /** Undefined when the resource's `parse` refused it. */
  readonly content: T | undefined;
}

export interface ArrivalOptions<T extends KubeObject> {
  readonly resource: Resource<T>;
  readonly fieldManager?: string | undefined;
  readonly project?: ((object: T) => T) | undefined;
  readonly log: Logger;
}

/** The same resource, read so that one bad object spoils no list, and cut to what the cache keeps before anything holds it. */
export function arrivals<T extends KubeObject>(options: ArrivalOptions<T>): Resource<Arrival<T>> {
  const { resource, fieldManager, project = (object) => object, log } = options;
  return {
    ...resource,
    parse(raw) {
      const { apiVersion, kind, metadata } = raw;
      try {
        const content = project(projectForCache(resource.parse(raw), fieldManager));
        return { apiVersion, kind, metadata: content.metadata, content };
      } catch (error) {
        log.error({ kind, namespace: metadata.namespace, name: metadata.name, err: error }, 'object cannot be read');
        return { apiVersion, kind, metadata, content: undefined };
      }
    },
  };
}
