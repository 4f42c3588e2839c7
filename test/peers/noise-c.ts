import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** rweather/noise-c, compiled to WebAssembly (npm: noise-c.wasm): classic Noise by somebody else. The package has no types. */
export interface NoiseC {
  readonly constants: { readonly NOISE_ROLE_INITIATOR: number; readonly NOISE_ROLE_RESPONDER: number };
  readonly HandshakeState: new (protocol: string, role: number) => NoiseCHandshake;
}

export interface NoiseCHandshake {
  Initialize(prologue: Uint8Array, s: Uint8Array, rs: Uint8Array | null): void;
  WriteMessage(payload: Uint8Array): Uint8Array;
  ReadMessage(message: Uint8Array, payloadNeeded: true): Uint8Array;
  GetHandshakeHash(): Uint8Array;
  GetRemotePublicKey(): Uint8Array | null;
  Split(): [send: NoiseCCipher, receive: NoiseCCipher];
  free(): void;
}

export interface NoiseCCipher {
  EncryptWithAd(ad: Uint8Array, plaintext: Uint8Array): Uint8Array;
  DecryptWithAd(ad: Uint8Array, ciphertext: Uint8Array): Uint8Array;
  free(): void;
}

type Create = (options: { wasmBinary: Uint8Array }, ready: (noise: NoiseC) => void) => void;

export function loadNoiseC(): Promise<NoiseC> {
  const require = createRequire(import.meta.url);
  const create = require('noise-c.wasm') as Create;
  // Given the binary, it does not try to fetch a file path first, and to complain.
  const wasmBinary = readFileSync(require.resolve('noise-c.wasm/src/noise-c.wasm'));
  const before = processListeners();
  return new Promise((resolve) =>
    create({ wasmBinary }, (noise) => {
      // Emscripten ends the process at any unhandled rejection: that is not for a library to decide.
      for (const { event, listener } of processListeners()) {
        if (!before.some((known) => known.listener === listener)) process.removeListener(event, listener);
      }
      // It looks like a promise: a copy resolves as the plain value.
      resolve({ ...noise });
    }),
  );
}

function processListeners() {
  return ['uncaughtException', 'unhandledRejection'].flatMap((event) =>
    process.rawListeners(event).map((listener) => ({ event, listener: listener as (...args: unknown[]) => void })),
  );
}
