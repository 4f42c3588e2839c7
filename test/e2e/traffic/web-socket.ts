const MASKED = 0x80;
const COMPRESSED = 0x40;
const SHORT_LENGTH = 0x7f;
const MASK_BYTES = 4;

/**
 * The payloads of a client's frames, without the mask that hides them from whoever only looks at the bytes (RFC 6455 §5.3). Empty where no
 * WebSocket was asked for. The last frame may be cut off.
 */
export function messagesOf(client: Buffer): Buffer {
  const headEnd = client.indexOf('\r\n\r\n');
  const head = client.subarray(0, headEnd).toString('latin1');
  if (headEnd < 0 || !/^upgrade: websocket$/im.test(head)) return Buffer.alloc(0);
  const payloads: Uint8Array[] = [];
  for (let at = headEnd + 4; at + 2 <= client.length; ) {
    const [kind, marked] = [client.readUInt8(at), client.readUInt8(at + 1)];
    if ((kind & COMPRESSED) !== 0 || (marked & MASKED) === 0) throw new Error('a frame that no client of ours sends');
    const { length, size } = lengthAt(client, at + 1);
    const start = at + 1 + size + MASK_BYTES;
    if (start + length > client.length) break;
    const mask = client.subarray(start - MASK_BYTES, start);
    const masked = client.subarray(start, start + length);
    payloads.push(masked.map((byte, index) => byte ^ (mask[index % MASK_BYTES] ?? 0)));
    at = start + length;
  }
  return Buffer.concat(payloads);
}

/** How long a payload is, and how many bytes say so. */
function lengthAt(bytes: Buffer, at: number): { length: number; size: number } {
  const short = bytes.readUInt8(at) & SHORT_LENGTH;
  if (short < 126) return { length: short, size: 1 };
  const size = short === 126 ? 2 : 8;
  // Its last frame may end here.
  if (at + 1 + size > bytes.length) return { length: bytes.length, size: 1 + size };
  return { length: size === 2 ? bytes.readUInt16BE(at + 1) : Number(bytes.readBigUInt64BE(at + 1)), size: 1 + size };
}
