import { isUtf8 } from 'node:buffer';
import { RPC_CODES, RpcError } from '../../wire/index.ts';

/** A path as the operating system takes it; bytes only where it is no UTF-8. */
export type NativePath = string | Buffer;

/** Longest path in bytes, as on Linux (PATH_MAX) with room for escapes that decode to less. */
const MAX_URI_LENGTH = 3 * 4096;

const SLASH = 0x2f;
const PERCENT = 0x25;

/** How a path that has no URI form travels (contract §9.6): its bytes in base64url after this prefix. */
const BYTES_PREFIX = '/%00/bad/path/';

/** What RFC 3986 lets stand in a path, without the percent sign. */
const PLAIN = new Set(Buffer.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@/"));

/**
 * The path of an absolute `file:` URI (contract §9.6): escapes decoded, `.` and `..` resolved as text, no slash at the end.
 *
 * @throws RpcError -32602
 */
export function parsePathUri(uri: string): NativePath {
  const rest = /^file:(.*)$/is.exec(uri)?.[1];
  if (rest === undefined) throw bad(/^[a-z][a-z0-9+.-]*:/i.test(uri) ? 'is no `file:` URI' : 'is no URI');
  if (uri.length > MAX_URI_LENGTH) throw bad('is too long');
  if (/[?#]/.test(rest)) throw bad('has a query or a fragment');
  const authority = /^\/\/([^/]*)/.exec(rest);
  if (authority && !/^(localhost)?$/i.test(authority[1] ?? '')) throw bad('names another host');
  const path = authority ? rest.slice(authority[0].length) : rest;
  if (!path.startsWith('/')) throw bad('is not absolute');
  if (path.startsWith(BYTES_PREFIX)) return parseBytes(path.slice(BYTES_PREFIX.length));
  return nativePath(resolveDots(decode(path)));
}

/** @throws RpcError -32602 also for a path that is no UTF-8 */
export function parseTextPathUri(uri: string): string {
  const path = parsePathUri(uri);
  if (typeof path !== 'string') throw bad('is no UTF-8');
  return path;
}

/** The URI of an absolute path. */
export function pathUri(path: NativePath): string {
  const bytes = typeof path === 'string' ? Buffer.from(path) : path;
  let uri = 'file://';
  for (const byte of bytes) {
    uri += PLAIN.has(byte) ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return uri;
}

/** Text where the bytes are UTF-8. */
export function nativePath(bytes: Buffer): NativePath {
  return isUtf8(bytes) ? bytes.toString('utf8') : bytes;
}

function parseBytes(text: string): NativePath {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.toString('base64url') !== text.replace(/=+$/, '')) throw bad('holds bytes that are no base64url');
  if (bytes[0] !== SLASH || bytes.includes(0)) throw bad('holds bytes that are no absolute path');
  return nativePath(resolveDots(bytes));
}

function decode(path: string): Buffer {
  const raw = Buffer.from(path, 'utf8');
  const decoded = Buffer.alloc(raw.length);
  let length = 0;
  for (let at = 0; at < raw.length; at++) {
    let byte = raw[at] ?? 0;
    if (byte === PERCENT) {
      const digits = raw.toString('latin1', at + 1, at + 3);
      if (!/^[0-9a-f]{2}$/i.test(digits)) throw bad('has an escape that is none');
      byte = Number.parseInt(digits, 16);
      at += 2;
    }
    if (byte === 0) throw bad('holds a NUL');
    decoded[length++] = byte;
  }
  return decoded.subarray(0, length);
}

function resolveDots(path: Buffer): Buffer {
  const kept: string[] = [];
  // Latin-1 is a view of bytes: nothing is lost on the way there and back.
  for (const segment of path.toString('latin1').split('/')) {
    if (segment === '..') kept.pop();
    else if (segment !== '.' && segment !== '') kept.push(segment);
  }
  return Buffer.from(`/${kept.join('/')}`, 'latin1');
}

/** The URI itself stays out of the message: it is the caller's, who knows it. */
function bad(why: string): RpcError {
  return new RpcError(
    RPC_CODES.INVALID_PARAMS,
    `a path URI ${why}: absolute \`file:\` URIs are accepted, as file:///a/y%20.txt`,
  );
}
