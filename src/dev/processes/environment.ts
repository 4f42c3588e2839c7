import { delimiter, sep } from 'node:path';

/**
 * What a child process, and so an agent's command, sees of our environment: what programs need to find their way, nothing that a
 * shell may hold for other purposes (API keys, cloud credentials). Everything else reaches a child as an argument or a file.
 */
const ALLOWED = new Set([
  'HOME',
  'LANG',
  'LANGUAGE',
  'LOGNAME',
  'PATH',
  'SHELL',
  'TMPDIR',
  'TZ',
  'USER',
  // Where a real Codex keeps its own files: a path.
  'CODEX_HOME',
]);

export function childEnvironment(own: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(own).filter(([name]) => ALLOWED.has(name) || name.startsWith('LC_'));
  return { ...Object.fromEntries(kept), PATH: withoutNpm(own.PATH ?? '') };
}

/** `npm run` puts its own folders in front: commands on the executor are to find the user's programs, not this project's. */
function withoutNpm(path: string): string {
  const ofNpm = [`${sep}node_modules${sep}.bin`, `${sep}node-gyp-bin`];
  return path
    .split(delimiter)
    .filter((folder) => !ofNpm.some((ending) => folder.endsWith(ending)))
    .join(delimiter);
}
