import { type ObjectApi, reviewOwnAccess } from '../../kube/index.ts';
import type { Clock } from '../../telemetry/index.ts';

/** How long an answer is believed: rights are given and taken rarely, and a refusal shows at the next write anyway. Milliseconds. */
const ENABLED_FOR_MS = 600_000;
/** How soon a namespace that was just enabled is noticed. Milliseconds. */
export const ASK_AGAIN_MS = 10_000;

/** The children in a namespace that was just enabled are read within moments. Milliseconds. */
export const SYNC_LOOK_MS = 100;

/** Of all rights in a namespace the one that stands for the others: the chart gives them together. */
const ASKED = { resource: 'pods', verb: 'create' } as const;

interface Answer {
  readonly enabled: boolean;
  readonly until: number;
}

/** Which namespaces the operator has rights in. The API server is asked, so that the chart is the only place where it is written. */
export class NamespaceAccess {
  readonly #api: ObjectApi;
  readonly #clock: Clock;
  readonly #onEnabled: (namespaces: ReadonlySet<string>) => void;
  readonly #answers = new Map<string, Answer>();

  constructor(options: {
    readonly api: ObjectApi;
    readonly clock: Clock;
    /** Called with all enabled namespaces when they have changed. */
    readonly onEnabled: (namespaces: ReadonlySet<string>) => void;
  }) {
    this.#api = options.api;
    this.#clock = options.clock;
    this.#onEnabled = options.onEnabled;
  }

  async enabled(namespace: string, signal: AbortSignal): Promise<boolean> {
    const known = this.#answers.get(namespace);
    const now = this.#clock.now();
    if (known !== undefined && known.until > now) return known.enabled;
    const { allowed } = await reviewOwnAccess(this.#api, { ...ASKED, namespace }, { signal });
    this.#answers.set(namespace, { enabled: allowed, until: now + (allowed ? ENABLED_FOR_MS : ASK_AGAIN_MS) });
    if (allowed !== known?.enabled) this.#onEnabled(this.#enabledNow());
    return allowed;
  }

  /** No object of ours is in this namespace any more. */
  forget(namespace: string): void {
    if (this.#answers.get(namespace)?.enabled === true) {
      this.#answers.delete(namespace);
      this.#onEnabled(this.#enabledNow());
    } else {
      this.#answers.delete(namespace);
    }
  }

  #enabledNow(): Set<string> {
    return new Set([...this.#answers].filter(([, { enabled }]) => enabled).map(([namespace]) => namespace));
  }
}
