import { readFile, rename } from 'node:fs/promises';
import { z } from 'zod';
import type { Fingerprint, KeyHash, KeyId, RegistrationId } from '../../wire/index.ts';
import { isFingerprint, isKeyHash, isKeyId, isRegistrationId, MAX_SESSION_ENTRIES } from '../../wire/index.ts';
import { writeFileAtomically } from '../atomic-file.ts';
import { codeOf, ExecutorError } from '../errors.ts';
import type { Session } from './session-table.ts';

const text = z.string().max(4096);
const time = z.number().nonnegative();

const sessionSchema = z.object({
  sessionId: text,
  harness: z.custom<KeyHash>(isKeyHash),
  keyId: z.custom<KeyId>(isKeyId),
  fingerprint: z.custom<Fingerprint>(isFingerprint),
  registrationId: z.custom<RegistrationId>(isRegistrationId),
  identity: text,
  identityHash: text,
  grant: text,
  audit: text,
  validatedTime: time,
  detachedTime: time.exactOptional(),
  processIds: z.array(text),
});

/** Each session is read by itself: one that is damaged costs nobody else's. */
const fileSchema = z.object({ version: z.literal(1), sessions: z.array(z.unknown()) });

/** What the file held, and what was wrong with it. */
export interface LoadedSessions {
  sessions: Session[];
  /** Sessions that could not be read. */
  damaged: number;
  problem?: ExecutorError;
}

/**
 * Reads `sessions.json`. A file that cannot be read as one is put aside as `sessions.json.bad` and the sidecar goes on without: running
 * harnesses then open new sessions.
 */
export async function loadSessions(path: string): Promise<LoadedSessions> {
  try {
    return parseSessions(await readFile(path, 'utf8'));
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return { sessions: [], damaged: 0 };
    await rename(path, `${path}.bad`).catch(() => undefined);
    const problem = new ExecutorError('session_file', 'load', 'the session file is damaged', cause);
    return { sessions: [], damaged: 0, problem };
  }
}

/** @throws SyntaxError, ZodError for what is no session file */
function parseSessions(content: string): LoadedSessions {
  const { sessions: entries } = fileSchema.parse(JSON.parse(content));
  const sessions = entries.flatMap((entry) => sessionSchema.safeParse(entry).data ?? []);
  return { sessions: sessions.slice(-MAX_SESSION_ENTRIES), damaged: entries.length - sessions.length };
}

/** Writes whole files, one at a time; calls that arrive meanwhile share the next write. */
export class SessionFile {
  readonly #path: string;
  readonly #current: () => readonly Session[];
  #writing: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(path: string, current: () => readonly Session[]) {
    this.#path = path;
    this.#current = current;
  }

  /** Resolves when a state at least as new as now is on disk. Rejects with `ExecutorError` `session_file`. */
  save(): Promise<void> {
    this.#next ??= this.#afterCurrent();
    return this.#next;
  }

  async #afterCurrent(): Promise<void> {
    await this.#writing?.catch(() => undefined);
    this.#writing = this.#write();
    this.#next = undefined;
    return this.#writing;
  }

  async #write(): Promise<void> {
    try {
      await writeFileAtomically(this.#path, JSON.stringify({ version: 1, sessions: this.#current() }));
    } catch (cause) {
      throw new ExecutorError('session_file', 'save', 'the session file could not be written', cause);
    }
  }
}
