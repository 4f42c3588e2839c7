import type { ChildSpec } from '../process/child/child.ts';
import { type Gate, OPEN_GATE } from './gate.ts';

/** The `sandbox` member of a request: null and absent are the harness's danger-full-access mode. */
export type SandboxMember = Readonly<Record<string, unknown>> | null | undefined;

export interface SandboxedChild {
  readonly spec: ChildSpec;
  /** `sandboxType` of the answer (contract §9.3). */
  readonly type: 'none' | 'linuxSeccomp';
}

/** What `--sandbox` makes of the sandbox that a request asks for. */
export interface SandboxPolicy {
  /** @throws RpcError -32600 with the reason when it cannot be enforced, -32602 when it is malformed */
  wrap(sandbox: SandboxMember, spec: ChildSpec): Promise<SandboxedChild>;
  /** @throws as `wrap` */
  gate(sandbox: SandboxMember): Promise<Gate>;
}

/** `--sandbox=container`: the container is the sandbox, whatever a request asks for is taken as that (our-side, design §5). */
export const containerPolicy: SandboxPolicy = {
  wrap: async (_sandbox, spec) => ({ spec, type: 'none' }),
  gate: async () => OPEN_GATE,
};
