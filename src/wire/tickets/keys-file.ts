import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { link, open, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { TicketError } from './error.ts';
import { decodeTicketKeys, encodeTicketKeys, generateTicketKey, type TicketKey } from './keys.ts';

const OWNER_ONLY = 0o600;
const GROUP_AND_OTHERS = 0o077;
const GROUP_READ = 0o040;

/** 64 keys of about 250 bytes, with room. */
const MAX_FILE_BYTES = 65_536;

/**
 * Makes a file with one fresh key, mode 0600. It appears whole or not at all, and never replaces another.
 *
 * @param options.notBefore seconds since the epoch; 0, so from now on, unless given
 * @throws TicketError `keys_file`
 */
export async function createTicketKeysFile(
  path: string,
  { notBefore = 0 }: { notBefore?: number } = {},
): Promise<void> {
  const draft = join(dirname(path), `.${basename(path)}.${randomBytes(8).toString('hex')}.tmp`);
  try {
    const file = await open(draft, 'wx', OWNER_ONLY);
    try {
      await file.writeFile(encodeTicketKeys([generateTicketKey(notBefore)]));
      await file.sync();
    } finally {
      await file.close();
    }
    await link(draft, path);
  } catch (cause) {
    throw new TicketError('keys_file', 'ticket keys', `could not create ${path}`, { cause });
  } finally {
    await rm(draft, { force: true });
  }
}

/**
 * @param options.allowGroupRead for Secret volumes, whose files belong to root and are readable by the pod's group
 * @throws TicketError `keys_file`
 */
export async function loadTicketKeys(
  path: string,
  { allowGroupRead = false }: { allowGroupRead?: boolean } = {},
): Promise<TicketKey[]> {
  return decodeTicketKeys(await readGuarded(path, GROUP_AND_OTHERS & ~(allowGroupRead ? GROUP_READ : 0)));
}

/** The permissions are those of the file that is read, not of a path that may change in between. */
async function readGuarded(path: string, forbidden: number): Promise<string> {
  try {
    const file = await open(path, constants.O_RDONLY);
    try {
      const status = await file.stat();
      if (!status.isFile() || status.size > MAX_FILE_BYTES) {
        throw new TicketError('keys_file', 'ticket keys', `${path} is no file, or over ${MAX_FILE_BYTES} bytes`);
      }
      if ((status.mode & forbidden) !== 0) {
        throw new TicketError('keys_file', 'ticket keys', `others can use ${path}. Mend it: chmod 600 ${path}`);
      }
      return await file.readFile('utf8');
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (cause instanceof TicketError) throw cause;
    throw new TicketError('keys_file', 'ticket keys', `could not read ${path}`, { cause });
  }
}
