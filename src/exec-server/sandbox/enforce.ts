import { RPC_CODES, RpcError } from '../../wire/index.ts';
import type { ChildSpec } from '../process/child/child.ts';
import { checkStartable } from '../process/child/program.ts';
import { type Bubblewrap, bubblewrapArguments, findBubblewrap } from './bubblewrap.ts';
import { OPEN_GATE } from './gate.ts';
import { mountsOf } from './mounts.ts';
import { accessTo, gateOf, type Permissions, parseSandbox, resolvePermissions } from './permissions.ts';
import type { SandboxedChild, SandboxMember, SandboxPolicy } from './policy.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * `--sandbox=enforce`: commands run in bubblewrap, file requests are checked against the same permissions, and what can be neither is
 * refused with the reason. bubblewrap is tried once, at the start.
 */
export async function enforcePolicy(
  environment: Environment,
): Promise<SandboxPolicy & { readonly problem: string | undefined }> {
  const found = await findBubblewrap(environment.PATH);
  const problem = typeof found === 'string' ? found : undefined;
  return {
    problem,
    async wrap(sandbox, spec) {
      const permissions = await permissionsOf(sandbox, environment);
      if (!permissions || isOpen(permissions)) return { spec, type: 'none' };
      if (typeof found === 'string') throw refused(found);
      return wrap(found, permissions, spec);
    },
    async gate(sandbox) {
      const permissions = await permissionsOf(sandbox, environment);
      return permissions ? gateOf(permissions) : OPEN_GATE;
    },
  };
}

async function permissionsOf(sandbox: SandboxMember, environment: Environment): Promise<Permissions | undefined> {
  // danger-full-access (contract §9.4)
  if (sandbox === null || sandbox === undefined) return undefined;
  return resolvePermissions(parseSandbox(sandbox), environment);
}

/** Nothing to enforce: permissions of type `disabled`, or everything allowed. */
function isOpen({ files, network }: Permissions): boolean {
  return files === undefined && network;
}

function wrap({ program, setsArg0 }: Bubblewrap, permissions: Permissions, spec: ChildSpec): SandboxedChild {
  const { file, args, arg0, cwd } = spec;
  if (permissions.files && accessTo(permissions.files, cwd) === 'deny')
    throw refused(`the sandbox hides the working directory ${cwd}`);
  if (arg0 !== undefined && arg0 !== file && !setsArg0)
    throw refused('arg0 in a sandbox needs bubblewrap 0.9 or later');
  try {
    checkStartable(spec);
  } catch (cause) {
    throw new RpcError(RPC_CODES.INTERNAL_ERROR, `the process could not be started: ${String(cause)}`, { cause });
  }
  const { options, network } = mountsOf(permissions);
  const named = arg0 === undefined || arg0 === file ? options : [...options, '--argv0', arg0];
  return {
    spec: {
      ...spec,
      file: program,
      args: bubblewrapArguments({ options: named, network }, cwd, [file, ...args]),
      arg0: undefined,
      supervised: true,
    },
    type: 'linuxSeccomp',
  };
}

function refused(why: string): RpcError {
  return new RpcError(RPC_CODES.INVALID_REQUEST, `this exec-server enforces sandboxes and refuses this one: ${why}`);
}
