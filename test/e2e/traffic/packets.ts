const LENGTH_BYTES = 4;
const IPV4 = 4;
const TCP = 6;
const SYN = 0x02;
const ACK = 0x10;

/** What a TCP connection carried in one direction. */
interface Carried {
  readonly bytes: Buffer;
  /** Whether something is missing before what else was seen. */
  readonly hasHole: boolean;
}

/** A TCP connection that was seen from its first packet on. */
export interface Connection {
  /** `10.0.0.1:40000 → 10.0.0.2:8443`, the one that dialled first. */
  readonly name: string;
  readonly client: Carried;
  readonly server: Carried;
}

interface Segment {
  readonly from: string;
  readonly to: string;
  readonly sequence: number;
  readonly flags: number;
  readonly bytes: Buffer;
}

interface Piece {
  readonly offset: number;
  readonly bytes: Buffer;
}

/** Every TCP connection that began in a capture (`capture.c`). A packet that was seen twice, or sent twice, counts once. */
export function connectionsIn(capture: Buffer): readonly Connection[] {
  const directions = new Map<string, Direction>();
  const dialled: { readonly name: string; readonly client: Direction; readonly server: Direction }[] = [];
  for (const packet of packetsIn(capture)) {
    const segment = segmentIn(packet);
    if (segment === undefined) continue;
    const { from, to, sequence, flags, bytes } = segment;
    const there = `${from} → ${to}`;
    const known = directions.get(there);
    const begins = (flags & SYN) !== 0 && known?.begins !== sequence;
    if (begins && (flags & ACK) === 0) {
      const [client, server] = [new Direction(sequence), new Direction()];
      directions.set(there, client).set(`${to} → ${from}`, server);
      dialled.push({ name: there, client, server });
    } else if (begins && known !== undefined) known.begins = sequence;
    directions.get(there)?.add(sequence, bytes);
  }
  return dialled.map(({ name, client, server }) => ({ name, client: client.whole(), server: server.whole() }));
}

class Direction {
  /** The sequence number of its SYN; unknown until that was seen. */
  begins: number | undefined;
  readonly #pieces: Piece[] = [];

  constructor(begins?: number) {
    this.begins = begins;
  }

  add(sequence: number, bytes: Buffer): void {
    if (this.begins === undefined || bytes.length === 0) return;
    // Signed: a probe of an idle peer has the byte before the first one.
    this.#pieces.push({ offset: (sequence - this.begins - 1) | 0, bytes });
  }

  whole(): Carried {
    const parts: Buffer[] = [];
    let end = 0;
    for (const { offset, bytes } of this.#pieces.toSorted((a, b) => a.offset - b.offset)) {
      if (offset > end) return { bytes: Buffer.concat(parts), hasHole: true };
      if (offset + bytes.length <= end) continue;
      parts.push(bytes.subarray(end - offset));
      end = offset + bytes.length;
    }
    return { bytes: Buffer.concat(parts), hasHole: false };
  }
}

/** The last one may have been cut off by the end of the capture. */
function* packetsIn(capture: Buffer): Generator<Buffer> {
  let at = 0;
  while (at + LENGTH_BYTES <= capture.length) {
    const end = at + LENGTH_BYTES + capture.readUInt32LE(at);
    if (end > capture.length) return;
    yield capture.subarray(at + LENGTH_BYTES, end);
    at = end;
  }
}

/** Undefined for what is no TCP over IPv4 (RFC 791, RFC 9293). */
function segmentIn(packet: Buffer): Segment | undefined {
  if (packet.length < 20 || packet.readUInt8(0) >> 4 !== IPV4 || packet.readUInt8(9) !== TCP) return undefined;
  const end = Math.min(packet.length, packet.readUInt16BE(2));
  const tcp = packet.subarray((packet.readUInt8(0) & 0x0f) * 4, end);
  if (tcp.length < 20) return undefined;
  const address = (at: number) => packet.subarray(at, at + 4).join('.');
  return {
    from: `${address(12)}:${tcp.readUInt16BE(0)}`,
    to: `${address(16)}:${tcp.readUInt16BE(2)}`,
    sequence: tcp.readUInt32BE(4),
    flags: tcp.readUInt8(13),
    bytes: tcp.subarray((tcp.readUInt8(12) >> 4) * 4),
  };
}
