import { RPC_CODES, RpcError } from '../../wire/index.ts';

/** The symbolic name of a failed system call. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** Permission and invalid input, which the contract (§9) tells from other I/O errors. */
const INVALID = new Set(['EACCES', 'EPERM', 'EINVAL', 'ERR_INVALID_ARG_VALUE', 'ERR_OUT_OF_RANGE']);

/** The answer to a failed file operation. */
export function fileError(error: unknown): RpcError {
  if (error instanceof RpcError) return error;
  const errno = errnoOf(error);
  const code = errno === 'ENOENT' ? RPC_CODES.NOT_FOUND : RPC_CODES.INTERNAL_ERROR;
  const message = describe(error, errno);
  return new RpcError(errno !== undefined && INVALID.has(errno) ? RPC_CODES.INVALID_REQUEST : code, message, {
    cause: error,
  });
}

export function invalidRequest(message: string): RpcError {
  return new RpcError(RPC_CODES.INVALID_REQUEST, message);
}

/** Node appends the call and the path, which after anchoring is one of ours in /proc. */
function describe(error: unknown, errno: string | undefined): string {
  const text = error instanceof Error ? error.message : String(error);
  return errno === undefined ? text : (text.split(', ', 1)[0] ?? text);
}
