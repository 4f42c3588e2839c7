import { ANNOTATIONS, GROUP, VERSION } from '../../api/index.ts';
import { defineResource, isApiError, type ObjectApi } from '../../kube/index.ts';
import type { Clock } from '../../telemetry/index.ts';
import type { ServedExecutor } from '../own-kinds.ts';
import { type AdmissionObject, inForceSince, isWrittenSince } from './decide.ts';

const ADMISSION = { group: 'admissionregistration.k8s.io', namespaced: false } as const;
const policies = defineResource<AdmissionObject>({
  ...ADMISSION,
  kind: 'ValidatingAdmissionPolicy',
  plural: 'validatingadmissionpolicies',
});
const bindings = defineResource<AdmissionObject>({
  ...ADMISSION,
  kind: 'ValidatingAdmissionPolicyBinding',
  plural: 'validatingadmissionpolicybindings',
});

/** As the server sent it: who wrote what and when is in no schema of ours. */
const executorsAsSent = defineResource({ group: GROUP, version: VERSION, kind: 'Executor', plural: 'executors' });

/** How long the last look at the policy is believed. A thousand executors rotated by one command are not a thousand looks. Milliseconds. */
const LOOK_MS = 10_000;

/** What one request says. */
const WORDS = [ANNOTATIONS.rotateRequestedAt, ANNOTATIONS.revokeRequestedKey, ANNOTATIONS.requestedBy];

interface Look {
  readonly since: number | undefined;
  readonly until: number;
}

/** Whether whoever is named as asking for a key has asked. */
export interface RequesterProof {
  /** Whether what `requested-by` of this executor says was written by whom it names. */
  isProven(executor: ServedExecutor, signal: AbortSignal): Promise<boolean>;
}

/** Nobody keeps people from writing another's name. */
export const NO_PROOF: RequesterProof = { isProven: async () => false };

/** The word of the API server: the chart's policy, as it is bound now, refuses another's name. */
export class PolicyProof implements RequesterProof {
  readonly #api: ObjectApi;
  readonly #name: string;
  readonly #clock: Clock;
  #look: Look | undefined;

  constructor({ api, name, clock }: { api: ObjectApi; name: string; clock: Clock }) {
    this.#api = api;
    this.#name = name;
    this.#clock = clock;
  }

  async isProven(
    { metadata: { namespace, name, annotations } }: ServedExecutor,
    signal: AbortSignal,
  ): Promise<boolean> {
    const since = await this.#inForceSince(signal);
    if (since === undefined) return false;
    // Of the object itself and not of the cache, which keeps nobody's times. It may be newer: then it may be somebody else who asks.
    const now = await this.#api.find(executorsAsSent, { namespace, name }, { signal });
    const isSame = WORDS.every((word) => now?.metadata.annotations?.[word] === annotations[word]);
    return now !== undefined && isSame && isWrittenSince(now, since, ANNOTATIONS.requestedBy);
  }

  async #inForceSince(signal: AbortSignal): Promise<number | undefined> {
    const now = this.#clock.now();
    if (this.#look !== undefined && now < this.#look.until) return this.#look.since;
    const since = await this.#ask(signal);
    this.#look = { since, until: now + LOOK_MS };
    return since;
  }

  async #ask(signal: AbortSignal): Promise<number | undefined> {
    const ref = { name: this.#name };
    try {
      return inForceSince(
        await this.#api.find(policies, ref, { signal }),
        await this.#api.find(bindings, ref, { signal }),
      );
    } catch (error) {
      // Without the right to look nothing is proven, and keys are made all the same.
      if (isApiError(error, 'Forbidden')) return undefined;
      throw error;
    }
  }
}
