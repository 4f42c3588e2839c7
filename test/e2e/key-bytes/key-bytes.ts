import { z } from 'zod';
import { Needles, type Place } from './needles.ts';

const keyFile = z.looseObject({ x25519PrivateKey: z.string(), mlkem768Seed: z.string() });

/** Private keys, and the search for them. */
export class KeyBytes {
  readonly #needles = new Needles();

  /**
   * The private keys of a key file in every form, also as the base64 of a whole file has them, which is how they lie in a Secret and in Vault; and a seed as
   * OpenSSL has it: in two halves that lie apart.
   */
  add(id: string, text: string): void {
    const { x25519PrivateKey, mlkem768Seed } = keyFile.parse(JSON.parse(text));
    for (const [part, base64] of Object.entries({ x25519PrivateKey, mlkem768Seed })) {
      this.#needles.addForms(`${part} of ${id}`, Buffer.from(base64, 'base64'));
      this.#needles.addBase64(`${part} of ${id} in its file`, Buffer.from(base64));
    }
    const seed = Buffer.from(mlkem768Seed, 'base64');
    this.#needles.add(`first half of mlkem768Seed of ${id}`, seed.subarray(0, seed.length / 2));
    this.#needles.add(`second half of mlkem768Seed of ${id}`, seed.subarray(seed.length / 2));
    this.#needles.add(`file of ${id}, base64`, Buffer.from(Buffer.from(text).toString('base64')));
  }

  /** What is in this place, by name. */
  in(place: Place): readonly string[] {
    return this.#needles.in(place).map((name) => `${name}: ${place.where}`);
  }
}
