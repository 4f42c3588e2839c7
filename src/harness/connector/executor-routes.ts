import { pause } from '../../telemetry/index.ts';
import {
  decodePublicKey,
  fingerprintOf,
  parseBody,
  registerRequest,
  registerResponse,
  validateResponse,
} from '../../wire/index.ts';
import { HarnessError, messageOf } from '../error.ts';
import { refusalOf } from '../registry/connect.ts';
import type { RegistryAnswer } from '../registry/endpoint.ts';
import type { Answer } from './answer.ts';
import { type ChildRequest, forward, hostOf, type RouteContext, type Routes } from './route.ts';

/** A real executor exits on any register answer but a good one, and after 10 s (contract §2.2): we try for this long first (our-side §9). */
const REGISTER_PATIENCE_MS = 8000;

/** Less than this is not worth another request. */
const MIN_ATTEMPT_MS = 500;

const FIRST_PAUSE_MS = 250;
const MAX_PAUSE_MS = 2000;

/** The real executor waits 10 s for `validate` (contract §2.4). */
const VALIDATE_PATIENCE_MS = 9000;

/** A real executor behind the connector: `register` and `validate`. */
export function executorRoutes(): Routes {
  return { register: registerRoute, validate: validateRoute };
}

async function registerRoute(request: ChildRequest, context: RouteContext): Promise<Answer> {
  const own = parseRequest(request.body);
  const answer = await registerUntil(context.clock.now() + REGISTER_PATIENCE_MS, request, context);
  const parsed = malformedAs('register', () => parseBody(registerResponse, answer.body, 'register answer'));
  if (parsed.environment_id !== context.endpoint.environmentId) {
    throw new HarnessError('registry_malformed', 'register', 'the answer is about another environment');
  }
  const fingerprint = fingerprintOf(decodePublicKey(own.executor_public_key));
  context.report({ type: 'admitted', call: 'register', fingerprint, relayHost: hostOf(parsed.url) });
  // These four and nothing else: an executor refuses an answer that holds its bearer anywhere (contract §2.2).
  const { environment_id, security_profile, executor_registration_id } = parsed;
  const url = context.localUrl(parsed.url);
  return { status: 200, body: { environment_id, url, security_profile, executor_registration_id } };
}

/** The first good answer. @throws HarnessError the last refusal when the time is up, or one that no retry will change */
async function registerUntil(deadline: number, request: ChildRequest, context: RouteContext): Promise<RegistryAnswer> {
  const { clock, random } = context;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
    const error = await forward('register', request, context, deadline - clock.now()).then(
      (answer) => {
        if (answer.status >= 200 && answer.status <= 299) return answer;
        return refusalOf(answer, 'register');
      },
      (failure: unknown) => failure,
    );
    if (!(error instanceof Error)) return error as RegistryAnswer;
    const wait = pauseMs * (1 + random() / 2);
    if (!isRetryableRegister(error) || clock.now() + wait + MIN_ATTEMPT_MS > deadline) throw error;
    await pause(wait, clock, request.signal);
  }
}

/** Every 409 of `register` ends by itself: a pod not yet admitted, an older claim that stops answering (our-side §5). */
function isRetryableRegister(error: Error): boolean {
  return error instanceof HarnessError && (error.retryable || error.status === 409);
}

async function validateRoute(request: ChildRequest, context: RouteContext): Promise<Answer> {
  const answer = await forward('validate', request, context, VALIDATE_PATIENCE_MS);
  if (answer.status < 200 || answer.status > 299) throw refusalOf(answer, 'validate');
  const { valid } = malformedAs('validate', () => parseBody(validateResponse, answer.body, 'validate answer'));
  return { status: 200, body: { valid } };
}

function parseRequest(body: string) {
  try {
    return parseBody(registerRequest, body, 'register');
  } catch (cause) {
    throw new HarnessError('bad_request', 'register', messageOf(cause), { status: 400, cause });
  }
}

function malformedAs<Body>(step: 'register' | 'validate', parse: () => Body): Body {
  try {
    return parse();
  } catch (cause) {
    throw new HarnessError('registry_malformed', step, messageOf(cause), { cause });
  }
}
