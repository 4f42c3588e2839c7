const ALPHABET = new TextEncoder().encode('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');
const PADDING = 0x3d;
const INVALID = 255;
const VALUES = new Uint8Array(256).fill(INVALID);
ALPHABET.forEach((code, value) => {
  VALUES[code] = value;
});

/**
 * Small arrays lie in the heap at first, and move out of it when something native reads them: then their bytes are there twice, and wiping reaches one of the two.
 * Those that are made over a buffer of their own never lie in the heap.
 */
function bytesOutOfHeap(length: number): Uint8Array {
  return new Uint8Array(new ArrayBuffer(length));
}

/**
 * Standard padded base64 (RFC 4648 §4) from bytes to bytes. Node's own goes through strings, which cannot be wiped and stay in the
 * heap as long as the collector likes; private keys must not.
 */
export function base64Encode(bytes: Uint8Array): Uint8Array {
  const text = bytesOutOfHeap(Math.ceil(bytes.length / 3) * 4).fill(PADDING);
  const digit = (sextet: number) => ALPHABET[sextet & 63] ?? PADDING;
  for (let from = 0, to = 0; from < bytes.length; from += 3, to += 4) {
    const left = bytes.length - from;
    const group = ((bytes[from] ?? 0) << 16) | ((bytes[from + 1] ?? 0) << 8) | (bytes[from + 2] ?? 0);
    text[to] = digit(group >> 18);
    text[to + 1] = digit(group >> 12);
    if (left > 1) text[to + 2] = digit(group >> 6);
    if (left > 2) text[to + 3] = digit(group);
  }
  return text;
}

/** Undefined unless `text` is exactly what `base64Encode` gives for some bytes: padded, no other characters, no loose bits. */
export function base64Decode(text: Uint8Array): Uint8Array | undefined {
  if (text.length % 4 !== 0) return undefined;
  let padding = 0;
  while (padding < 2 && text[text.length - 1 - padding] === PADDING) padding += 1;
  const digits = text.length - padding;
  const bytes = bytesOutOfHeap((text.length / 4) * 3 - padding);
  let bits = 0;
  let held = 0;
  let to = 0;
  for (let from = 0; from < digits; from++) {
    const value = VALUES[text[from] ?? 0] ?? INVALID;
    if (value === INVALID) return undefined;
    held = ((held << 6) | value) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[to++] = held >> bits;
    }
  }
  return (held & ((1 << bits) - 1)) === 0 ? bytes : undefined;
}
