import { decodePublicKey } from '../../wire/index.ts';
import { parseConnectAnswer, refusalOf } from '../registry/connect.ts';
import { checkPinned, type RemoteKeys } from '../registry/remote-keys.ts';
import type { Answer } from './answer.ts';
import { type ChildRequest, forward, hostOf, type RouteContext, type Routes } from './route.ts';

/**
 * Upstream patience for one `connect`, in milliseconds: the real harness gives up after 6 s (contract §2.3), the registry holds an answer
 * for up to 4.5 s (our-side §5).
 */
const CONNECT_PATIENCE_MS = 5500;

/** A real harness behind the connector: `connect`, with pinned keys checked. The harness itself retries what may be retried. */
export function harnessRoutes(remoteKeys: RemoteKeys): Routes {
  return { connect: (request, context) => connectRoute(request, context, remoteKeys) };
}

async function connectRoute(request: ChildRequest, context: RouteContext, remoteKeys: RemoteKeys): Promise<Answer> {
  const answer = await forward('connect', request, context, CONNECT_PATIENCE_MS);
  if (answer.status < 200 || answer.status > 299) throw refusalOf(answer, 'connect');
  const bundle = parseConnectAnswer(answer.body, context.endpoint.environmentId);
  const fingerprint = await checkPinned(decodePublicKey(bundle.executor_public_key), remoteKeys);
  context.report({ type: 'admitted', call: 'connect', fingerprint, relayHost: hostOf(bundle.url) });
  return { status: 200, body: { ...bundle, url: context.localUrl(bundle.url) } };
}
