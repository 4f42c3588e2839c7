import { basename } from 'node:path';
import { UsageError } from '../exit.ts';

/** `codex`, `codex.exe`, `codex-0.169.0`: also a wrapper by that name. */
function isCodex(program: string): boolean {
  return /^codex([-.].*)?$/.test(basename(program));
}

/** Subcommands that work in a directory; plain `codex` is the terminal program. Others take no `-C`, or mean something else by it. */
const EXEC = ['exec', 'e'];

/** Plain `codex` takes a prompt, never one of these words, as its first argument. */
const OTHER_SUBCOMMANDS = [
  'app',
  'app-server',
  'apply',
  'cloud',
  'cloud-tasks',
  'completion',
  'debug',
  'doctor',
  'exec-server',
  'features',
  'fork',
  'help',
  'login',
  'logout',
  'mcp',
  'mcp-server',
  'plugin',
  'remote-control',
  'resume',
  'review',
  'sandbox',
  'update',
];

/**
 * The agent's command with the workspace as its directory: `-C` for a `codex` and a `codex exec` that were given none. Its own working
 * directory stays ours, so that paths in its arguments mean what they say.
 */
export function withWorkspace(argv: readonly string[], workspace: string): string[] {
  const [program = '', ...rest] = argv;
  if (!isCodex(program) || rest.some(isDirectoryFlag)) return [...argv];
  const [first] = rest;
  if (first !== undefined && EXEC.includes(first)) return [program, first, '-C', workspace, ...rest.slice(1)];
  if (first !== undefined && OTHER_SUBCOMMANDS.includes(first)) return [...argv];
  return [program, '-C', workspace, ...rest];
}

function isDirectoryFlag(argument: string): boolean {
  return argument === '-C' || argument === '--cd' || argument.startsWith('--cd=') || /^-C.+/.test(argument);
}

/** The directory that the agent was told, so that it can be made. */
export function givenDirectory(argv: readonly string[]): string | undefined {
  const at = argv.findIndex(isDirectoryFlag);
  const argument = argv[at];
  if (argument === undefined) return undefined;
  if (argument === '-C' || argument === '--cd') return argv[at + 1];
  return argument.startsWith('--cd=') ? argument.slice('--cd='.length) : argument.slice('-C'.length);
}

/** The executor's command with where to register. @throws UsageError when it says so itself */
export function withRegistry(argv: readonly string[], registryUrl: string, environmentId: string): string[] {
  const own = argv.find((argument) => /^--(remote|environment-id)(=|$)/.test(argument));
  if (own !== undefined) throw new UsageError(`leave out ${own}: noisefleet join says where to register`);
  return [...argv, '--remote', registryUrl, '--environment-id', environmentId];
}
