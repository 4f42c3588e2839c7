import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StreamTable } from './stream-table.ts';

interface Entry {
  readonly id: Uint8Array;
  next: Entry | undefined;
}

describe('StreamTable', () => {
  it('behaves as a map by id, whatever bytes the ids have', () => {
    // Few distinct ids, so that adding, finding and deleting meet.
    const id = fc.uint8Array({ minLength: 1, maxLength: 2, max: 3 });
    const step = fc.record({ op: fc.constantFrom('add', 'delete', 'find'), id, offset: fc.nat(3) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const table = new StreamTable<Entry>();
        const model = new Map<string, Entry>();
        for (const { op, id: bytes, offset } of steps) {
          const key = Buffer.from(bytes).toString('hex');
          const known = model.get(key);
          if (op === 'add') {
            const entry: Entry = { id: bytes, next: undefined };
            expect(table.add(entry)).toBe(known === undefined);
            if (known === undefined) model.set(key, entry);
          } else if (op === 'delete' && known !== undefined) {
            expect(table.delete(known)).toBe(true);
            expect(table.delete(known)).toBe(false);
            model.delete(key);
          } else {
            const around = Buffer.concat([Buffer.alloc(offset, 7), bytes, Buffer.from([9])]);
            expect(table.find(around, offset, offset + bytes.length)).toBe(known);
          }
          expect(table.size).toBe(model.size);
        }
        expect(new Set(table.values())).toEqual(new Set(model.values()));
      }),
    );
  });

  it('keeps ids apart that collide in the hash', () => {
    const table = new StreamTable<Entry>();
    const entries = Array.from(
      { length: 200_000 },
      (_, i) => ({ id: Buffer.from(`${i}`), next: undefined }) satisfies Entry,
    );
    const sample = entries.filter((_, i) => i % 1_000 === 0);
    for (const entry of entries) table.add(entry);

    for (const entry of sample) expect(table.find(entry.id, 0, entry.id.length)).toBe(entry);
    for (const entry of table.values()) table.delete(entry);
    expect(table.size).toBe(0);
  });
});
