import { HarnessError } from '../error.ts';

/**
 * An absolute path of the executor as the `file:` URI that the protocol wants (contract §9.6). A `file:` URI stays as it is. Paths here are
 * the executor's: nothing of this machine's file system is asked.
 *
 * @throws HarnessError `invalid_request` for a relative path
 */
export function pathToUri(path: string): string {
  if (path.startsWith('file:')) return path;
  if (!path.startsWith('/'))
    throw new HarnessError('invalid_request', 'file', 'a path on the executor must be absolute');
  return `file://${path.split('/').map(encodeURIComponent).join('/')}`;
}

/**
 * The path of a `file:` URI.
 *
 * @throws HarnessError `protocol_violation` for anything else, also for the URIs that stand for paths without one
 */
export function uriToPath(uri: string): string {
  const match = /^file:\/\/(\/.*)$/.exec(uri);
  const path = match?.[1] && decoded(match[1]);
  if (!path || path.includes('\0'))
    throw new HarnessError('protocol_violation', 'file', 'the executor sent no file path');
  return path;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
