/** Where something may lie that is no business of whoever looks there. */
export interface Place {
  /** Of which sort, so that a search can say that it has looked there. */
  readonly sort: string;
  readonly where: string;
  readonly bytes: Buffer;
}

interface Needle {
  readonly name: string;
  readonly bytes: Buffer;
}

/** The first bytes of a needle, as a number, and how few of its bits are looked at first: what is looked at often has to be small. */
const BEGINNING_BYTES = 4;
const TABLE_BITS = 20;
/** Spreads beginnings over the table: that of a text uses few bits of each byte (Knuth, TAOCP 3, §6.4). */
const SPREAD = 0x9e3779b1;

/** Byte strings that are looked for all at once: one look at each byte of a place, however many they are. */
export class Needles {
  /** Whether any begins so. */
  readonly #begins = new Uint8Array(2 ** TABLE_BITS);
  readonly #byBeginning = new Map<number, Needle[]>();

  /** Of four bytes and more. */
  add(name: string, bytes: Buffer): void {
    const beginning = bytes.readInt32BE(0);
    this.#begins[placeOf(beginning)] = 1;
    const others = this.#byBeginning.get(beginning) ?? [];
    this.#byBeginning.set(beginning, [...others, { name, bytes }]);
  }

  /** Bytes in the forms in which they could lie around: as they are, in hexadecimal, and in base64 anywhere in a longer text. */
  addForms(name: string, bytes: Buffer): void {
    this.add(`${name}, bytes`, bytes);
    this.add(`${name}, hexadecimal`, Buffer.from(bytes.toString('hex')));
    this.add(`${name}, HEXADECIMAL`, Buffer.from(bytes.toString('hex').toUpperCase()));
    this.addBase64(name, bytes);
  }

  /** In base64 anywhere in a longer text. */
  addBase64(name: string, bytes: Buffer): void {
    for (const form of ['base64', 'base64url'] as const)
      for (const before of [0, 1, 2])
        this.add(`${name}, ${form}${before === 0 ? '' : ` after ${before}`}`, encodedAfter(before, bytes, form));
  }

  /** Names of those that are in this place. */
  in({ bytes }: Pick<Place, 'bytes'>): readonly string[] {
    const found = new Set<string>();
    const begins = this.#begins;
    let beginning = 0;
    for (let next = 0; next < bytes.length; next += 1) {
      beginning = (beginning << 8) | (bytes[next] ?? 0);
      if (begins[placeOf(beginning)] === 0) continue;
      const at = next + 1 - BEGINNING_BYTES;
      for (const { name, bytes: needle } of this.#byBeginning.get(beginning) ?? []) {
        const end = at + needle.length;
        if (at >= 0 && end <= bytes.length && needle.compare(bytes, at, end) === 0) found.add(name);
      }
    }
    return [...found];
  }
}

function placeOf(beginning: number): number {
  return Math.imul(beginning, SPREAD) >>> (32 - TABLE_BITS);
}

/** The characters that are the same whatever stands before and after: those of which every bit is of these bytes. */
function encodedAfter(before: number, bytes: Buffer, form: 'base64' | 'base64url'): Buffer {
  const text = Buffer.concat([Buffer.alloc(before), bytes]).toString(form);
  const [first, last] = [Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6)];
  return Buffer.from(text.slice(first, last));
}
