/** Decides over real paths: symbolic links are resolved, and what is asked about is what is then opened. */
export interface Gate {
  /** False: every path is allowed, and none needs to be resolved. */
  readonly restricted: boolean;
  /** @throws RpcError -32600 when `realPath` may not be read, or written */
  check(realPath: string, need: 'read' | 'write'): void;
}

export const OPEN_GATE: Gate = { restricted: false, check: () => undefined };
