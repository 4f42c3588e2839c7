import type { Logger } from '../../telemetry/index.ts';
import { RPC_CODES, RpcError } from '../../wire/index.ts';
import { containerPolicy, type SandboxMember, type SandboxPolicy } from './policy.ts';

export async function enforcePolicy(_logger: Logger): Promise<SandboxPolicy> {
  const refuse = (sandbox: SandboxMember) => {
    if (sandbox) throw new RpcError(RPC_CODES.INVALID_REQUEST, 'sandbox requests cannot be enforced here');
  };
  return {
    wrap: async (sandbox, spec) => {
      refuse(sandbox);
      return containerPolicy.wrap(sandbox, spec);
    },
    gate: async (sandbox) => {
      refuse(sandbox);
      return containerPolicy.gate(sandbox);
    },
  };
}
