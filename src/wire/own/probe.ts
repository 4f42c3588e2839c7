/**
 * End-to-end probes (docs/adr/0009): a registry goes the way of a harness to one of our sidecars, with a ticket of its own, and asks
 * whether it comes through. The question is the payload of a handshake frame, the answer is the reason of a reset; both are the same text.
 */

/**
 * What the tickets of probes have in the place of an identity's hash. Hashes have 43 characters, so it is nobody's: what counts by identity
 * counts probes apart from everybody, and a relay knows a probe by it.
 */
export const PROBE_IDENTITY = 'noisefleet-probe';

/** The grant in tickets of probes. Nobody looks it up: a probe never gets past the sidecar. */
export const PROBE_GRANT = 'noisefleet-probe';

const PREFIX = 'noisefleet-probe/v1 ';
const PROBE = /^noisefleet-probe\/v1 ([A-Za-z0-9_-]{16,64})$/;
/** Longer is no probe: a message 1 of a real handshake is not even turned into text. */
const MAX_PROBE_BYTES = PREFIX.length + 64;

/** `nonce`: base64url, 16 to 64 characters. */
export function probeText(nonce: string): string {
  return `${PREFIX}${nonce}`;
}

/** The nonce of a probe; undefined for the payload of any other handshake. */
export function probeNonce(payload: Uint8Array): string | undefined {
  if (payload.length > MAX_PROBE_BYTES) return undefined;
  return PROBE.exec(Buffer.from(payload.buffer, payload.byteOffset, payload.length).toString('latin1'))?.[1];
}

/** Whether a ticket with this identity hash is a probe's. */
export function isProbe({ identityHash }: { readonly identityHash: string }): boolean {
  return identityHash === PROBE_IDENTITY;
}
