import { z } from 'zod';
import { sandboxField } from './sandbox.ts';

/** Bytes of one block read or written (contract §9.4). */
export const MAX_BLOCK_BYTES = 1_048_576;

/** UTF-8 bytes of a handle id. */
export const MAX_HANDLE_ID_BYTES = 32;

/** Entries of one `fs/readDirectory`. */
export const MAX_DIRECTORY_ENTRIES = 50_000;

/** Handles open at once on one connection. */
export const MAX_OPEN_HANDLES = 128;

/** Upper bounds of the options of `fs/walk`. */
export const WALK_LIMITS = { maxDepth: 64, maxDirectories: 10_000, maxEntries: 50_000 } as const;

/** An absolute `file:` URI (contract §9.6). */
const path = z.string();
const base64 = z.string();
const position = z.number().int().nonnegative();
const common = { sandbox: sandboxField, followSymlinks: z.boolean().default(true) };
const empty = z.looseObject({});
const handleId = z.string().refine((id) => Buffer.byteLength(id) <= MAX_HANDLE_ID_BYTES);
const bounded = (most: number) => z.number().int().nonnegative().max(most);

/** `fs/*` on paths. */
const PATH_METHODS = {
  'fs/readFile': { params: z.object({ path, ...common }), result: z.object({ dataBase64: base64 }) },
  'fs/writeFile': { params: z.object({ path, dataBase64: base64, ...common }), result: empty },
  'fs/getMetadata': {
    params: z.object({ path, ...common }),
    result: z.object({
      isDirectory: z.boolean(),
      isFile: z.boolean(),
      isSymlink: z.boolean(),
      size: position,
      createdAtMs: z.number(),
      modifiedAtMs: z.number(),
    }),
  },
  'fs/canonicalize': { params: z.object({ path, ...common }), result: z.object({ path }) },
  'fs/readDirectory': {
    params: z.object({ path, ...common }),
    result: z.object({
      entries: z.array(z.object({ fileName: z.string(), isDirectory: z.boolean(), isFile: z.boolean() })),
    }),
  },
  'fs/createDirectory': { params: z.object({ path, recursive: z.boolean().nullish(), ...common }), result: empty },
  'fs/remove': {
    /** `recursive` and `force` are true unless said otherwise. */
    params: z.object({ path, recursive: z.boolean().nullish(), force: z.boolean().nullish(), ...common }),
    result: empty,
  },
  'fs/copy': {
    params: z.object({ sourcePath: path, destinationPath: path, recursive: z.boolean(), ...common }),
    result: empty,
  },
  'fs/walk': {
    params: z.object({
      path,
      options: z.object({
        maxDepth: bounded(WALK_LIMITS.maxDepth),
        maxDirectories: bounded(WALK_LIMITS.maxDirectories),
        maxEntries: bounded(WALK_LIMITS.maxEntries),
        followDirectorySymlinks: z.boolean(),
        pruneHiddenDirectories: z.boolean().default(false),
      }),
      ...common,
    }),
    result: z.object({
      entries: z.array(z.object({ path, kind: z.enum(['directory', 'file']) })),
      errors: z.array(z.object({ path, message: z.string() })),
      truncated: z.boolean(),
    }),
  },
};

/** `fs/*` on handles, which belong to the connection. */
const HANDLE_METHODS = {
  'fs/open': {
    /** `replace` truncates at once. */
    params: z.object({ handleId, path, mode: z.enum(['read', 'replace']).default('read'), ...common }),
    result: z.object({ handleId: z.string() }),
  },
  'fs/readBlock': {
    params: z.object({ handleId, offset: position, len: z.number().int().min(1).max(MAX_BLOCK_BYTES) }),
    result: z.object({ chunk: base64, eof: z.boolean() }),
  },
  'fs/writeBlock': { params: z.object({ handleId, offset: position, chunk: base64 }), result: empty },
  'fs/close': { params: z.object({ handleId }), result: empty },
};

/** Contract §9.4. Not built: `fs/watchMissing`. */
export const FILE_METHODS = { ...PATH_METHODS, ...HANDLE_METHODS };
