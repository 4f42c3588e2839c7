import { z } from 'zod';
import { base64Decode, jsonMembers, plainText } from '../../noise/index.ts';
import type { KeyNote } from '../key-store.ts';

/** What our entries say of themselves in `custom_metadata`: texts, as KV takes nothing else. */
export interface EntryNotes extends KeyNote {
  /** Whose it is; an entry without is not ours. */
  readonly owner: string;
  readonly fingerprint?: string | undefined;
}

/** One entry as its metadata shows it, without its key. */
export interface Entry {
  readonly notes: EntryNotes | undefined;
  /** Of the newest version; 0 when there is none. */
  readonly version: number;
  /** Whether that version can be read: neither deleted nor destroyed. */
  readonly isReadable: boolean;
}

const version = z.object({ deletion_time: z.string(), destroyed: z.boolean() });

const metadataAnswer = z.object({
  data: z.object({
    current_version: z.number(),
    custom_metadata: z.record(z.string(), z.string()).nullish(),
    versions: z.record(z.string(), version),
  }),
});

const NOTHING = new Uint8Array();

const listAnswer = z.object({ data: z.object({ keys: z.array(z.string()) }) });

/** Undefined for what is no answer of KV, version 2. */
export function parseEntry(answer: unknown): Entry | undefined {
  const parsed = metadataAnswer.safeParse(answer);
  if (!parsed.success) return undefined;
  const { current_version: current, custom_metadata: custom, versions } = parsed.data.data;
  const newest = versions[String(current)];
  return {
    notes: notesIn(custom ?? {}),
    version: current,
    isReadable: newest !== undefined && !newest.destroyed && newest.deletion_time === '',
  };
}

export function parseNames(answer: unknown): readonly string[] | undefined {
  return listAnswer.safeParse(answer).data?.data.keys;
}

/** The key file in the bytes of an answer, as a copy that is the caller's to wipe; empty where there is none. */
export function keyFileIn(answer: Uint8Array): Uint8Array {
  const nested = ['data', 'data', 'keyFile'].reduce<Uint8Array | undefined>(
    (bytes, name) => bytes && jsonMembers(bytes)?.get(name),
    answer,
  );
  return base64Decode(plainText(nested) ?? NOTHING) ?? NOTHING;
}

export function customMetadata({ owner, state, fingerprint, retirementTime }: EntryNotes): Record<string, string> {
  return {
    owner,
    state,
    ...(fingerprint !== undefined && { fingerprint }),
    ...(retirementTime !== undefined && { retirementTime }),
  };
}

function notesIn({ owner, state, fingerprint, retirementTime }: Record<string, string>): EntryNotes | undefined {
  if (owner === undefined) return undefined;
  return {
    owner,
    state: state ?? '',
    ...(fingerprint !== undefined && { fingerprint }),
    ...(retirementTime !== undefined && { retirementTime }),
  };
}
