import { z } from 'zod';
import { readFileIfThere, writeFileIfChanged } from '../state/atomic-file.ts';
import { type FolderKey, KeyFolder } from './key-folder.ts';
import {
  creationDone,
  decideRotation,
  NEW_ROTATION_STATE,
  type RotationDecision,
  type RotationState,
} from './rotation.ts';

const keyId = z.string().regex(/^k[1-9][0-9]{0,8}$/);
const stateSchema = z.object({
  version: z.literal(1),
  highest: z.number(),
  lastCreated: z.number(),
  handled: z.array(z.string()),
  removals: z.array(z.object({ id: keyId, at: z.number() })),
  creating: keyId.optional(),
});

export interface RotationRequest {
  readonly requested?: string;
  readonly period: number;
  readonly overlap: number;
  readonly now: number;
}

export interface KeyRound {
  readonly keys: readonly FolderKey[];
  readonly created?: NonNullable<RotationDecision['create']>;
  readonly removed: readonly string[];
  readonly waiting?: RotationDecision['waiting'];
  /** Key files that cannot be read, in sentences. */
  readonly problems: readonly string[];
}

/** The keys of one executor: looks at its folder, decides, acts. Safe to kill between any two steps. */
export class KeyRotation {
  readonly #folder: KeyFolder;
  readonly #stateFile: string;
  #state: RotationState;

  constructor(keysFolder: string, stateFile: string) {
    this.#folder = new KeyFolder(keysFolder);
    this.#stateFile = stateFile;
    this.#state = readState(stateFile);
  }

  round(request: RotationRequest): KeyRound {
    const { ids, keys, problems } = this.#folder.observe();
    const decision = decideRotation({ ...request, state: this.#state, named: ids, present: keys.map(({ id }) => id) });
    this.#save(decision.state);
    if (decision.create !== undefined) {
      this.#folder.create(decision.create.id);
      this.#save(creationDone(decision.state));
    }
    for (const id of decision.remove) this.#folder.remove(id);
    const changed = decision.create !== undefined || decision.remove.length > 0;
    return {
      keys: changed ? this.#folder.observe().keys : keys,
      ...(decision.create && { created: decision.create }),
      removed: decision.remove,
      ...(decision.waiting && { waiting: decision.waiting }),
      problems,
    };
  }

  #save(state: RotationState): void {
    this.#state = state;
    writeFileIfChanged(this.#stateFile, `${JSON.stringify({ version: 1, ...state })}\n`);
  }
}

/** @throws a ZodError or SyntaxError: guessing here could bring a key id back or forget a removal. */
function readState(path: string): RotationState {
  const text = readFileIfThere(path);
  if (text === undefined) return NEW_ROTATION_STATE;
  const { version: _version, creating, ...state } = stateSchema.parse(JSON.parse(text));
  return creating === undefined ? state : { ...state, creating };
}
