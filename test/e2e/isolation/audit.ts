import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { places } from '../../cluster/places.ts';
import { type Right, rightTo } from './rights.ts';

const event = z.looseObject({
  verb: z.string(),
  user: z.looseObject({ username: z.string() }),
  objectRef: z
    .looseObject({
      resource: z.string(),
      apiGroup: z.string().default(''),
      subresource: z.string().optional(),
      namespace: z.string().optional(),
      name: z.string().optional(),
    })
    .optional(),
  responseStatus: z.looseObject({ code: z.number().optional() }).optional(),
  requestReceivedTimestamp: z.string(),
});

/** What a user has asked of the API server. */
export interface Asked {
  readonly right: Right;
  readonly name: string | undefined;
  readonly namespace: string | undefined;
  readonly refused: boolean;
}

/** What ServiceAccounts have asked of our cluster's API server since a time, by user name. An apply that made an object has used `create` too. */
export function askedSince(since: Date): Map<string, Asked[]> {
  const asked = new Map<string, Asked[]>();
  for (const line of readFileSync(join(places().state, 'audit.log'), 'utf8').split('\n')) {
    if (line === '') continue;
    const { verb, user, objectRef, responseStatus, requestReceivedTimestamp } = event.parse(JSON.parse(line));
    if (objectRef === undefined || new Date(requestReceivedTimestamp) < since) continue;
    const { resource, apiGroup, subresource, namespace, name } = objectRef;
    const full = subresource === undefined ? resource : `${resource}/${subresource}`;
    const verbs = verb === 'patch' && responseStatus?.code === 201 ? ['patch', 'create'] : [verb];
    const refused = responseStatus?.code === 403;
    const list = asked.get(user.username) ?? [];
    list.push(...verbs.map((each) => ({ right: rightTo(each, apiGroup, full), name, namespace, refused })));
    asked.set(user.username, list);
  }
  return asked;
}
