import { type EnvironmentId, environmentIdOf, parseEnvironmentId } from '../../wire/index.ts';
import { UsageError } from '../exit.ts';

/** Namespaces and executors are named by DNS labels. */
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** What a person names: an executor, by its names where they are known. */
export interface Environment {
  readonly id: EnvironmentId;
  /** For people: `default/demo`. */
  readonly label: string;
  /** Absent for an id that was cut, or a fleet's. */
  readonly names?: { readonly namespace: string; readonly name: string };
}

/** Whether the text says the namespace itself. */
export function hasNamespace(text: string): boolean {
  return text.includes('/') || text.includes('_');
}

/**
 * The environment that a person means: `demo` (in the namespace of `-n`), `default/demo`, or the id `default_demo`. Names are DNS labels, so
 * an underscore can only be an id's.
 *
 * @throws UsageError
 */
export function parseEnvironment(text: string, namespace: string): Environment {
  try {
    if (!text.includes('/') && text.includes('_')) return ofId(parseEnvironmentId(text));
    const { namespace: space, name } = parseObjectName(text, namespace);
    return { id: environmentIdOf(space, name), label: `${space}/${name}`, names: { namespace: space, name } };
  } catch (cause) {
    throw new UsageError(`"${text}" names no environment: write demo, default/demo or default_demo`, { cause });
  }
}

/**
 * `NAMESPACE/NAME`, or `NAME` in that namespace.
 *
 * @throws Error when it is no such pair of DNS labels
 */
export function parseObjectName(text: string, namespace: string): { namespace: string; name: string } {
  const [before = '', after, ...rest] = text.split('/');
  const [space, name] = after === undefined ? [namespace, before] : [before, after];
  if (rest.length > 0) throw new Error('more than one slash');
  if (!LABEL.test(space) || !LABEL.test(name)) throw new Error('names are lower-case letters, digits and hyphens');
  return { namespace: space, name };
}

function ofId(id: EnvironmentId): Environment {
  const [namespace = '', name = '', ...rest] = id.split('_');
  const whole = rest.length === 0 && LABEL.test(namespace) && LABEL.test(name);
  // An id that is as long as ids get may have been cut, and then ends in a hash and not in a name.
  if (!whole || environmentIdOf(namespace, name) !== id || id.length === MAX_ID_LENGTH) return { id, label: id };
  return { id, label: `${namespace}/${name}`, names: { namespace, name } };
}

const MAX_ID_LENGTH = 64;
