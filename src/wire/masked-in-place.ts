/**
 * The same bytes for the `send` of a WebSocket client, which has to mask what it sends (RFC 6455 §5.3): `ws` does that where they lie, and in a
 * copy when it is given a `Buffer`. Only for bytes whose content nobody needs any more.
 */
export function maskedInPlace(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}
