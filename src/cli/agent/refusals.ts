import type { ConnectorEvent, Refusal } from '../../harness/index.ts';
import { type Attempt, explainRefusal } from '../client/refusal.ts';

/** A child meets these and cannot help itself: people should see them at once. */
const isFinal = ({ status }: Refusal) => status === 401 || status === 403;

export interface RefusalsOptions {
  attempt: Attempt;
  /** False while the child owns the whole screen: then nothing is said before it ended. */
  mayInterrupt: boolean;
  tell: (line: string) => void;
}

/** Remembers why the way to the environment is closed, until it is open again: the child itself only sees a status. */
export class Refusals {
  readonly #options: RefusalsOptions;
  readonly #told = new Set<string>();
  #standing: Refusal | undefined;

  constructor(options: RefusalsOptions) {
    this.#options = options;
  }

  /** What stands in the way now. */
  get standing(): Refusal | undefined {
    return this.#standing;
  }

  take(event: ConnectorEvent): void {
    if (event.type === 'attached') {
      this.#standing = undefined;
      this.#told.clear();
    }
    if (event.type !== 'refused') return;
    this.#standing = event;
    // A relay's 401 makes a harness ask for a new ticket: nothing that a person should see.
    if (this.#options.mayInterrupt && isFinal(event) && event.call !== 'upgrade') this.#tellOnce(event);
  }

  /** After the child ended: the reason that it may not have been able to tell. */
  finish(): void {
    if (this.#standing) this.#tellOnce(this.#standing);
  }

  #tellOnce(refusal: Refusal): void {
    if (this.#told.has(refusal.code)) return;
    this.#told.add(refusal.code);
    this.#options.tell(`noisefleet: ${explainRefusal(refusal, this.#options.attempt).message}`);
  }
}
