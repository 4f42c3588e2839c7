import type { z } from 'zod';
import { WireError } from '../errors.ts';
import { RPC_CODES, RpcError } from '../jsonrpc/rpc-error.ts';
import { ENVIRONMENT_METHODS } from './environment.ts';
import { FILE_METHODS } from './files.ts';
import { HTTP_METHODS, HTTP_NOTIFICATIONS } from './http.ts';
import { PROCESS_METHODS, PROCESS_NOTIFICATIONS } from './process.ts';

/** Requests harness → executor that we build, by method (contract §9). Anything else is -32601. */
export const EXEC_METHODS = { ...ENVIRONMENT_METHODS, ...PROCESS_METHODS, ...FILE_METHODS, ...HTTP_METHODS };

/** Notifications executor → harness. The only one of a harness is `initialized`. */
export const EXEC_NOTIFICATIONS = { ...PROCESS_NOTIFICATIONS, ...HTTP_NOTIFICATIONS };

export const INITIALIZED_NOTIFICATION = 'initialized';

type Methods = typeof EXEC_METHODS;
type Notifications = typeof EXEC_NOTIFICATIONS;

export type ExecMethod = keyof Methods;
export type ExecNotification = keyof Notifications;

/** What a caller writes: members with a default may be left out. */
export type ExecParams<Method extends ExecMethod> = z.input<Methods[Method]['params']>;
/** What a server reads: defaults filled in. */
export type ParsedExecParams<Method extends ExecMethod> = z.output<Methods[Method]['params']>;
export type ExecResult<Method extends ExecMethod> = z.output<Methods[Method]['result']>;
export type ExecNotificationParams<Name extends ExecNotification> = z.output<Notifications[Name]>;

/** The same tables, seen so that a method's name and its types stay together. */
const REQUESTS: {
  [Method in ExecMethod]: { params: z.ZodType<ParsedExecParams<Method>>; result: z.ZodType<ExecResult<Method>> };
} = EXEC_METHODS;
const NOTIFICATIONS: { [Name in ExecNotification]: z.ZodType<ExecNotificationParams<Name>> } = EXEC_NOTIFICATIONS;

export function isExecMethod(method: string): method is ExecMethod {
  return Object.hasOwn(EXEC_METHODS, method);
}

export function isExecNotification(method: string): method is ExecNotification {
  return Object.hasOwn(EXEC_NOTIFICATIONS, method);
}

/** Checks the params of a request. Unknown members are dropped. Throws RpcError -32602 that names the members, not their values. */
export function parseExecParams<Method extends ExecMethod>(method: Method, params: unknown): ParsedExecParams<Method> {
  const parsed = REQUESTS[method].params.safeParse(params);
  if (parsed.success) return parsed.data;
  throw new RpcError(RPC_CODES.INVALID_PARAMS, `${method}: ${placesOf(parsed.error)}`);
}

/** Checks what an executor answered. Throws WireError `malformed_value`. */
export function parseExecResult<Method extends ExecMethod>(method: Method, result: unknown): ExecResult<Method> {
  return checked(REQUESTS[method].result, method, result);
}

/** Checks a notification's params. Throws WireError `malformed_value`. */
export function parseExecNotification<Name extends ExecNotification>(
  name: Name,
  params: unknown,
): ExecNotificationParams<Name> {
  return checked(NOTIFICATIONS[name], name, params);
}

function checked<Value>(schema: z.ZodType<Value>, step: string, value: unknown): Value {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new WireError('malformed_value', step, placesOf(parsed.error));
}

function placesOf(error: z.ZodError): string {
  return error.issues
    .slice(0, 3)
    .map(({ path, code }) => `${path.join('.') || 'params'}: ${code}`)
    .join(', ');
}
