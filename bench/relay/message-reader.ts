const MASKED = 0x80;
const LENGTH_OF_2_BYTES = 126;
const LENGTH_OF_8_BYTES = 127;
const MASK_BYTES = 4;

export const OPCODE = { text: 0x1, binary: 0x2, ping: 0x9 } as const;

/** Cuts received bytes into WebSocket messages. For peers that do not fragment; what is masked stays so. */
export class MessageReader {
  readonly #onMessage: (message: Buffer, opcode: number) => void;
  #rest: Buffer = Buffer.alloc(0);

  /** @param onMessage may look at the message; it is gone afterwards */
  constructor(onMessage: (message: Buffer, opcode: number) => void) {
    this.#onMessage = onMessage;
  }

  push(bytes: Uint8Array): void {
    const fresh = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    let data = this.#rest.length === 0 ? fresh : Buffer.concat([this.#rest, fresh]);
    for (let start = payloadStart(data); start > 0; start = payloadStart(data)) {
      const end = start + payloadLength(data);
      if (end > data.length) break;
      this.#onMessage(data.subarray(start, end), (data[0] ?? 0) & 0x0f);
      data = data.subarray(end);
    }
    this.#rest = Buffer.from(data);
  }
}

/** 0 while the header is not whole. */
function payloadStart(data: Buffer): number {
  const second = data[1];
  if (second === undefined) return 0;
  const length = second & ~MASKED;
  const extended = length === LENGTH_OF_8_BYTES ? 8 : length === LENGTH_OF_2_BYTES ? 2 : 0;
  const start = 2 + extended + ((second & MASKED) === 0 ? 0 : MASK_BYTES);
  return start > data.length ? 0 : start;
}

function payloadLength(data: Buffer): number {
  const length = (data[1] ?? 0) & ~MASKED;
  if (length === LENGTH_OF_8_BYTES) return data.readUInt32BE(6);
  return length === LENGTH_OF_2_BYTES ? data.readUInt16BE(2) : length;
}
