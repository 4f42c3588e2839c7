import { type CipherGCMTypes, createDecipheriv, createHmac } from 'node:crypto';

const HEADER_BYTES = 5;
const TAG_BYTES = 16;
const NONCE_BYTES = 12;

/** Content types of records and types of handshake messages (RFC 8446 §5.1, §4). */
const RECORD = { handshake: 22, data: 23 } as const;
const MESSAGE = { clientHello: 1, serverHello: 2, finished: 20, keyUpdate: 24 } as const;

interface Suite {
  readonly cipher: CipherGCMTypes;
  readonly keyBytes: number;
  readonly hash: string;
}

/** Those that Node offers first; OpenSSL takes the second one. */
const SUITES: ReadonlyMap<number, Suite> = new Map([
  [0x1301, { cipher: 'aes-128-gcm', keyBytes: 16, hash: 'sha256' }],
  [0x1302, { cipher: 'aes-256-gcm', keyBytes: 32, hash: 'sha384' }],
]);

/** Secrets by label, of each connection by its client's random in hexadecimal: what `node --tls-keylog` writes (RFC 9850). */
export type KeyLog = ReadonlyMap<string, ReadonlyMap<string, Buffer>>;

export function keyLogOf(text: string): KeyLog {
  const log = new Map<string, Map<string, Buffer>>();
  for (const [, label = '', random = '', secret = ''] of text.matchAll(/^(\w+) ([0-9a-f]{64}) ([0-9a-f]+)$/gm)) {
    const secrets = log.get(random) ?? new Map<string, Buffer>();
    log.set(random, secrets.set(label, Buffer.from(secret, 'hex')));
  }
  return log;
}

interface Sides {
  readonly client: Buffer;
  readonly server: Buffer;
}

/** Whether somebody who dialled speaks TLS. */
export function isTls(client: Buffer): boolean {
  return client[0] === RECORD.handshake && client[HEADER_BYTES] === MESSAGE.clientHello;
}

/**
 * What the two ends of a TLS 1.3 connection said to each other. Its last record may be cut off.
 *
 * @throws when the log does not have its secrets, or they open a record of it not
 */
export function plaintextOf({ client, server }: Sides, log: KeyLog): Sides {
  const [hello] = recordsIn(client);
  const random = hello?.body.subarray(6, 38).toString('hex') ?? '';
  const suite = suiteIn(server);
  const secrets = log.get(random);
  // Nobody answered, or only with an alert: there is nothing to open.
  if (suite === undefined) return { client: Buffer.alloc(0), server: Buffer.alloc(0) };
  const sideOf = (bytes: Buffer, side: 'CLIENT' | 'SERVER') => {
    const [handshake, data] = [`${side}_HANDSHAKE_TRAFFIC_SECRET`, `${side}_TRAFFIC_SECRET_0`].map((label) =>
      secrets?.get(label),
    );
    if (handshake === undefined || data === undefined) throw new Error('the log does not have the secrets of this');
    return dataOf(bytes, suite, handshake, data);
  };
  return { client: sideOf(client, 'CLIENT'), server: sideOf(server, 'SERVER') };
}

interface TlsRecord {
  readonly type: number;
  readonly header: Buffer;
  readonly body: Buffer;
}

function* recordsIn(bytes: Buffer): Generator<TlsRecord> {
  let at = 0;
  while (at + HEADER_BYTES <= bytes.length) {
    const header = bytes.subarray(at, at + HEADER_BYTES);
    const end = at + HEADER_BYTES + header.readUInt16BE(3);
    if (end > bytes.length) return;
    yield { type: header.readUInt8(0), header, body: bytes.subarray(at + HEADER_BYTES, end) };
    at = end;
  }
}

function suiteIn(server: Buffer): Suite | undefined {
  for (const { type, body } of recordsIn(server)) {
    if (type !== RECORD.handshake || body[0] !== MESSAGE.serverHello) continue;
    const number = body.readUInt16BE(39 + body.readUInt8(38));
    const suite = SUITES.get(number);
    if (suite === undefined) throw new Error(`cipher suite ${number.toString(16)} is not known here`);
    return suite;
  }
  return undefined;
}

/** Application data of one side: its records under the handshake's secret up to `Finished`, then those under the next. */
function dataOf(bytes: Buffer, suite: Suite, handshake: Buffer, data: Buffer): Buffer {
  const parts: Buffer[] = [];
  let opener = new Opener(suite, handshake);
  for (const record of recordsIn(bytes)) {
    if (record.type !== RECORD.data) continue;
    const { type, content } = opener.open(record);
    if (type === RECORD.data) parts.push(content);
    if (type !== RECORD.handshake) continue;
    for (const message of messagesIn(content)) {
      if (message === MESSAGE.finished) opener = new Opener(suite, data);
      if (message === MESSAGE.keyUpdate) opener = opener.next();
    }
  }
  return Buffer.concat(parts);
}

/** Types of the handshake messages that begin in a record: ours are small, each of them is in one. */
function* messagesIn(content: Buffer): Generator<number> {
  for (let at = 0; at + 4 <= content.length; at += 4 + content.readUIntBE(at + 1, 3)) yield content.readUInt8(at);
}

/** Opens the records under one traffic secret (RFC 8446 §5.2, §5.3, §7.3). */
class Opener {
  readonly #suite: Suite;
  readonly #secret: Buffer;
  readonly #key: Buffer;
  readonly #iv: Buffer;
  #sequence = 0;

  constructor(suite: Suite, secret: Buffer) {
    this.#suite = suite;
    this.#secret = secret;
    this.#key = expandLabel(suite.hash, secret, 'key', suite.keyBytes);
    this.#iv = expandLabel(suite.hash, secret, 'iv', NONCE_BYTES);
  }

  next(): Opener {
    const { hash } = this.#suite;
    return new Opener(this.#suite, expandLabel(hash, this.#secret, 'traffic upd', this.#secret.length));
  }

  open({ header, body }: TlsRecord): { type: number; content: Buffer } {
    const nonce = Buffer.from(this.#iv);
    nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ this.#sequence) >>> 0, 8);
    this.#sequence += 1;
    const decipher = createDecipheriv(this.#suite.cipher, this.#key, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(header);
    decipher.setAuthTag(body.subarray(-TAG_BYTES));
    const inner = Buffer.concat([decipher.update(body.subarray(0, -TAG_BYTES)), decipher.final()]);
    let end = inner.length - 1;
    while (inner[end] === 0) end -= 1;
    return { type: inner.readUInt8(end), content: inner.subarray(0, end) };
  }
}

/** One block of HKDF-Expand is enough for every length here. */
function expandLabel(hash: string, secret: Buffer, label: string, length: number): Buffer {
  const name = Buffer.from(`tls13 ${label}`);
  const info = Buffer.concat([Buffer.from([length >> 8, length & 0xff, name.length]), name, Buffer.from([0, 1])]);
  return createHmac(hash, secret).update(info).digest().subarray(0, length);
}
