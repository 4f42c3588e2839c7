import { z } from 'zod';
import { Needles, type Place } from './needles.ts';

const keyFile = z.looseObject({ x25519PrivateKey: z.string(), mlkem768Seed: z.string() });

/** Private keys, and the search for them. */
export class KeyBytes {
  readonly #needles = new Needles();

  /** The private keys of a key file in every form, and the beginning of the whole file as a Secret has it. */
  add(id: string, text: string): void {
    const { x25519PrivateKey, mlkem768Seed } = keyFile.parse(JSON.parse(text));
    for (const [part, base64] of Object.entries({ x25519PrivateKey, mlkem768Seed }))
      this.#needles.addForms(`${part} of ${id}`, Buffer.from(base64, 'base64'));
    this.#needles.add(`file of ${id}, base64`, Buffer.from(Buffer.from(text).toString('base64')));
  }

  /** What is in this place, by name. */
  in(place: Place): readonly string[] {
    return this.#needles.in(place).map((name) => `${name}: ${place.where}`);
  }
}
