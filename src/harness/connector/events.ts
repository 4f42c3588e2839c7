import type { CarryEnd } from './relay-carrier.ts';

/** What a connector tells whoever runs it: for a line on the terminal, never for a decision. Holds no secrets. */
export type ConnectorEvent =
  /** The child got an error, or will get one. `status` is what it saw. */
  | {
      type: 'refused';
      call: 'connect' | 'register' | 'validate' | 'upgrade';
      status: number;
      code: string;
      message: string;
    }
  /** An answer went to the child. The fingerprint is the executor's on `connect`, the child's own on `register`. */
  | { type: 'admitted'; call: 'connect' | 'register'; fingerprint: string; relayHost: string }
  | { type: 'attached' }
  | { type: 'detached'; why: CarryEnd };

export type Refusal = Extract<ConnectorEvent, { type: 'refused' }>;
