import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pathToUri, uriToPath } from './path-uri.ts';
import { blocksOf } from './remote-files.ts';

describe('a path on the executor', () => {
  it('comes back from its URI as it was', () => {
    const part = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !/[/\0]/.test(text));
    fc.assert(
      fc.property(fc.array(part, { minLength: 1 }), (parts) => {
        const path = `/${parts.join('/')}`;
        const uri = pathToUri(path);
        expect(uriToPath(uri)).toBe(path);
        expect(uri).toMatch(/^file:\/\/\/[\x21-\x7e]*$/);
      }),
    );
  });

  it.each(['http://x/y', 'file://host/share', 'file:///%00/bad/path/AA', 'file:///%zz', '/plain', ''])(
    'is not what an executor means by %j',
    (uri) => {
      expect(() => uriToPath(uri)).toThrow(expect.objectContaining({ code: 'protocol_violation' }));
    },
  );

  it('never fails in another way, whatever the executor sends', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          uriToPath(`file://${text}`);
        } catch (error) {
          expect(error).toMatchObject({ code: 'protocol_violation' });
        }
      }),
    );
  });
});

describe('blocks of a stream', () => {
  it('are the same bytes, all of one size but the last', async () => {
    const chunks = fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(chunks, fc.integer({ min: 1, max: 9 }), async (parts, size) => {
        const source = async function* () {
          yield* parts;
        };
        const blocks: Uint8Array[] = [];
        for await (const block of blocksOf(source(), size)) blocks.push(block);
        expect(Buffer.concat(blocks).equals(Buffer.concat(parts))).toBe(true);
        expect(blocks.slice(0, -1).every(({ length }) => length === size)).toBe(true);
        expect(blocks.every(({ length }) => length > 0 && length <= size)).toBe(true);
      }),
    );
  });
});
