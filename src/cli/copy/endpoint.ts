import { UsageError } from '../exit.ts';

/** One side of a copy: a path here, or a path on an environment. */
export type Endpoint =
  | { readonly where: 'here'; readonly path: string }
  | { readonly where: 'there'; readonly environment: string; readonly path: string };

/**
 * `ENV:PATH` is there, everything else is here; as with scp, a colon after a slash belongs to a path (`./a:b`).
 *
 * @throws UsageError for an empty path
 */
export function parseEndpoint(text: string): Endpoint {
  const [, environment, path] = /^([a-z0-9_-]+(?:\/[a-z0-9_-]+)?):([\s\S]*)$/.exec(text) ?? [];
  if (environment === undefined || path === undefined) {
    if (text === '') throw new UsageError('an empty path cannot be copied');
    return { where: 'here', path: text };
  }
  return { where: 'there', environment, path: path === '' ? '.' : path };
}

/**
 * The path of an entry below the root of a walk, in parts. The executor says what is there, and may lie: a name that would lead out of the
 * root, or is none on this system, is refused.
 *
 * @returns undefined for what does not lie below the root
 */
export function partsBelow(root: string, path: string): string[] | undefined {
  const prefix = root.endsWith('/') ? root : `${root}/`;
  if (!path.startsWith(prefix)) return undefined;
  const parts = path.slice(prefix.length).split('/');
  const safe = parts.every((part) => part !== '' && part !== '.' && part !== '..' && !/[\\\0]/.test(part));
  return safe ? parts : undefined;
}
