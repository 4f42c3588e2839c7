import { z } from 'zod';

const keyFile = z.looseObject({ x25519PrivateKey: z.string(), mlkem768Seed: z.string() });

/** One of the forms in which a private key could lie around. */
interface Needle {
  readonly name: string;
  readonly bytes: Buffer;
}

/** Where something may lie that is no business of whoever looks there. */
export interface Place {
  /** Of which sort, so that a search can say that it has looked there. */
  readonly sort: string;
  readonly where: string;
  readonly bytes: Buffer;
}

/** Private keys, and the search for them. */
export class KeyBytes {
  readonly #needles: Needle[] = [];

  /** The bytes of a key file as they are, in hexadecimal, in base64, and as a Secret has the beginning of the whole file. */
  add(id: string, text: string): void {
    const { x25519PrivateKey, mlkem768Seed } = keyFile.parse(JSON.parse(text));
    for (const [part, base64] of Object.entries({ x25519PrivateKey, mlkem768Seed })) {
      const bytes = Buffer.from(base64, 'base64');
      const forms = { bytes, hexadecimal: bytes.toString('hex'), base64: base64.replace(/=+$/, '') };
      const encoded = { ...forms, base64url: bytes.toString('base64url') };
      for (const [form, value] of Object.entries(encoded))
        this.#needles.push({ name: `${part} of ${id}, ${form}`, bytes: Buffer.from(value) });
    }
    this.#needles.push({ name: `file of ${id}, base64`, bytes: Buffer.from(Buffer.from(text).toString('base64')) });
  }

  /** What is in this place, by name. */
  in({ where, bytes }: Place): readonly string[] {
    return this.#needles.filter((needle) => bytes.includes(needle.bytes)).map(({ name }) => `${name}: ${where}`);
  }
}
