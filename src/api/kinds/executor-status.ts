import type { z } from 'zod';
import { dnsLabel, dnsName, fields, list, oneOf, prose, text, time, wholeNumber } from '../schema/fields.ts';
import { count, statusBase } from './status.ts';

/** Three live keys and what was before them: a year of quarterly rotations, and some in between. */
export const MAX_KEYS_IN_STATUS = 10;
/** Names of those that a revocation waits for; how many there are is told in any case. */
export const MAX_MISSING_PARTIES = 20;
/** An executor has one sidecar. */
const MAX_HOLDERS = 4;
/** Values of the rotation annotation that are remembered as handled. */
export const MAX_HANDLED_REQUESTS = 10;

const uid = text({ max: 128, message: 'must be a UID' });
const keyId = text({ max: 10, pattern: /^k[1-9][0-9]{0,8}$/, message: 'must be the id of a key, such as k1' });
const fingerprint = text({
  max: 50,
  pattern: /^SHA256:[A-Za-z0-9+/]{43}$/,
  message: 'must be SHA256: and 43 characters of base64',
});

const cut = fields({
  acknowledged: count.describe('Registries, relays and sidecars that said that they refuse it and have cut.'),
  expected: count.describe('Those that there are.'),
  missing: list(prose, { max: MAX_MISSING_PARTIES, type: 'atomic' })
    .prefault([])
    .describe('Names of those not heard from.'),
  completionTime: time
    .optional()
    .describe('When every registry refused it and the last sidecar had cut, or was fenced off. Absent: not complete.'),
});

/** What is known of a static keypair in any state. */
const keyFacts = {
  id: keyId.describe('`k1`, `k2`, …; never used again.'),
  fingerprint: fingerprint.optional().describe('Hash of both public keys.'),
  trigger: oneOf(['Initial', 'Schedule', 'Annotation', 'Command', 'Revocation']).describe('Why it was made.'),
  requestedBy: prose.optional().describe('Who asked for it, as far as that is known.'),
  requester: oneOf(['Verified', 'Unverified']).optional().describe('Whether that is proven.'),
  reason: prose.optional().describe('Why it was asked for, or why it was revoked.'),
  creationTime: time.describe('When it was recorded.'),
  preparationTime: time.optional().describe('When it was in the store.'),
  activationTime: time.optional().describe('When it first served.'),
  retirementTime: time.optional().describe('When it is, or was, no longer accepted.'),
  revocationTime: time.optional().describe('When it was revoked.'),
  destructionTime: time.optional().describe('When it was gone from Secret and store, and from the memory of the pod.'),
  heldBy: list(prose, { max: MAX_HOLDERS, type: 'atomic' })
    .optional()
    .describe('Who had not said by then that it is out of its memory, and has not since. Absent: nobody.'),
  cut: cut.optional().describe('How far the cutting of a revoked key is.'),
} as const;

/** One static keypair (the state machine of keys). Registries of the release before read this list: its states are theirs too. */
const key = fields({
  ...keyFacts,
  state: oneOf(['Pending', 'Prepared', 'Active', 'Retiring', 'Revoked']).describe(
    '`Pending`: recorded, not made. `Prepared`: in the store. `Active`: serves. `Retiring`: accepted until its overlap ends. `Revoked`: refused everywhere.',
  ),
});

const formerKey = fields({
  ...keyFacts,
  state: oneOf(['Retired', 'Destroyed', 'Revoked']).describe(
    '`Retired`: accepted no more, being removed. `Destroyed`: gone from Secret and store. `Revoked`: refused everywhere.',
  ),
});
export type FormerKeyStatus = z.infer<typeof formerKey>;

const keyFailure = fields({
  dependency: oneOf(['Store', 'Secret', 'Notes']).describe(
    'What failed: the key store, the Secret, or what the store remembers of a key.',
  ),
  code: text({ max: 64, message: 'must be a code' }).describe('Code of the error.'),
  message: prose.describe('The error, for people.'),
  failures: count.describe('How often in a row.'),
  sinceTime: time.describe('Since when.'),
  retryTime: time.describe('Not before this time is it tried again.'),
});

export type KeyStatus = z.infer<typeof key>;

const pod = fields({
  name: dnsName.describe('Name of the pod.'),
  uid: uid.optional().describe('Its UID: only this incarnation may register. Absent until it was made.'),
  attempt: wholeNumber(1, 2_147_483_647).describe('Which pod of this executor it is; part of its name.'),
  failures: count.default(0).describe('How often in a row a pod failed; the wait before the next grows with it.'),
  retryTime: time.optional().describe('Not before this time is the next pod made.'),
  startTime: time.optional().describe('When this one was made.'),
});

const registrationToken = fields({
  sha256: text({ max: 64, pattern: /^[0-9a-f]{64}$/, message: 'must be a SHA-256 in hexadecimal' }).describe(
    'Hash of the token; the token itself is in the Secret.',
  ),
  expirationTime: time.optional().describe('Until when it is taken. Absent: until it is replaced.'),
});

export const executorStatus = fields({
  ...statusBase,
  environmentID: text({ max: 64, pattern: /^[a-z0-9_-]{1,64}$/, message: 'must be an environment id' })
    .optional()
    .describe('What a harness connects to.'),
  relay: text({ max: 127, message: 'must be NAMESPACE/NAME' })
    .optional()
    .describe('The relay in use, as NAMESPACE/NAME.'),
  pod: pod.optional().describe('The pod that counts. Written before it may register; another pod is refused.'),
  workspaceVolumeClaim: dnsName.optional().describe('Volume claim of a persistent workspace.'),
  activeKeyID: keyId.optional().describe('The key that new connections get.'),
  keys: list(key, { max: MAX_KEYS_IN_STATUS, type: 'map', keys: ['id'] })
    .prefault([])
    .describe('Keys that are accepted, are being made, or were revoked.'),
  formerKeys: list(formerKey, { max: MAX_KEYS_IN_STATUS, type: 'map', keys: ['id'] })
    .prefault([])
    .describe('The last keys that were.'),
  droppedKeys: count.optional().describe('How many former keys are no longer listed.'),
  lastRotationTime: time.optional().describe('When a key last took over.'),
  nextRotationTime: time.optional().describe('When the next key is made by the schedule.'),
  handledRotationRequests: list(prose, { max: MAX_HANDLED_REQUESTS, type: 'atomic' })
    .prefault([])
    .describe('The last values of the rotation annotation that were handled.'),
  ignoredRevocation: prose.optional().describe('A value of the revocation annotation that named no key.'),
  keyDelivery: fields({
    keys: list(keyId, { max: MAX_KEYS_IN_STATUS, type: 'atomic' }).prefault([]).describe('The keys in the Secret.'),
    deliveryTime: time.describe('Since when.'),
  })
    .optional()
    .describe('What the sidecar mounts.'),
  keyFailures: list(keyFailure, { max: 3, type: 'map', keys: ['dependency'] })
    .prefault([])
    .describe('What fails about keys now.'),
  sessions: fields({
    count: count.describe('Clients that have a session.'),
    lastActivityTime: time.optional().describe('When one of them last sent something, to five minutes.'),
  })
    .optional()
    .describe('Absent: not known, which is not zero.'),
  external: fields({
    fingerprint: fingerprint
      .optional()
      .describe('Hash of the key of the process that joined last; it makes a new one at each start.'),
    registrationTime: time.optional().describe('When that process first registered.'),
    registrationTokenSecretName: dnsLabel.optional().describe('The Secret that holds the registration token.'),
    registrationTokens: list(registrationToken, { max: 2, type: 'atomic' })
      .prefault([])
      .describe('What is taken now: two while the token is changed.'),
  })
    .optional()
    .describe('For the runtime `External`.'),
});
export type ExecutorStatus = z.infer<typeof executorStatus>;
