import {
  ENVIRONMENTS_PATH,
  type EnvironmentId,
  isEnvironmentId,
  PRESENCE_PATH,
  type RegistryCall,
} from '../../wire/index.ts';

/** Longest request target, in characters: a prefix of our own, an id of 64 and some room. Nothing secret or long belongs here. */
const MAX_TARGET_LENGTH = 1024;

export type Route =
  | { readonly kind: 'call'; readonly call: RegistryCall; readonly environmentId: EnvironmentId | undefined }
  | { readonly kind: 'presence' }
  | { readonly kind: 'environments' }
  | { readonly kind: 'watch'; readonly environmentId: EnvironmentId | undefined }
  | { readonly kind: 'none' };

const CALL = /^\/cloud\/environment\/([^/]*)\/(register|connect|validate)$/;
const WATCH = /^\/internal\/v1\/watch\/([^/]*)$/;

/** Which route a request target names. Environment ids need no escaping, so one that is escaped is none. */
export function routeOf(target: string): Route {
  if (target.length > MAX_TARGET_LENGTH) return { kind: 'none' };
  const path = target.split('?', 1)[0] ?? '';
  if (path === PRESENCE_PATH) return { kind: 'presence' };
  if (path === ENVIRONMENTS_PATH) return { kind: 'environments' };
  const watch = WATCH.exec(path);
  if (watch !== null) return { kind: 'watch', environmentId: idOf(watch[1]) };
  const call = CALL.exec(path);
  if (call === null) return { kind: 'none' };
  return { kind: 'call', call: callOf(call[2]), environmentId: idOf(call[1]) };
}

function idOf(text: string | undefined): EnvironmentId | undefined {
  return isEnvironmentId(text) ? text : undefined;
}

function callOf(text: string | undefined): RegistryCall {
  if (text === 'register' || text === 'connect') return text;
  return 'validate';
}
