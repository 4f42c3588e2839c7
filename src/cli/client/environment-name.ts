import { type EnvironmentId, environmentIdOf, parseEnvironmentId } from '../../wire/index.ts';
import { UsageError } from '../exit.ts';

/** Namespaces and executors are named by DNS labels. */
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * The environment that a person means: `demo` (in the namespace of `-n`), `default/demo`, or the id `default_demo`. Names are DNS labels, so
 * an underscore can only be an id's.
 *
 * @throws UsageError
 */
export function parseEnvironmentName(text: string, namespace: string): EnvironmentId {
  const [before = '', after, ...rest] = text.split('/');
  try {
    if (rest.length > 0) throw new Error('more than one slash');
    if (after === undefined && text.includes('_')) return parseEnvironmentId(text);
    const [space, name] = after === undefined ? [namespace, text] : [before, after];
    if (!LABEL.test(space) || !LABEL.test(name)) throw new Error('names are lower-case letters, digits and hyphens');
    return environmentIdOf(space, name);
  } catch (cause) {
    throw new UsageError(`"${text}" names no environment: write demo, default/demo or default_demo`, { cause });
  }
}

/** As people write it: `default/demo`. An id that is no pair of names stays as it is. */
export function environmentLabel(id: EnvironmentId): string {
  const parts = id.split('_');
  return parts.length === 2 ? parts.join('/') : id;
}
