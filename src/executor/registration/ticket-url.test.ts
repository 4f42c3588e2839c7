import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { incarnationIn, ticketIn } from './ticket-url.ts';

const ticketOf = (claims: unknown) => `head.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.signature`;

describe('our own ticket', () => {
  it('is found in the URL that the registry gave, and its incarnation in it', () => {
    const ticket = ticketOf({ incarnation: 'pod-1', runtime: 'sidecar' });
    expect(ticketIn(`wss://relay.example/v1/executor?role=environment&ticket=${ticket}`)).toBe(ticket);
    expect(incarnationIn(ticket)).toBe('pod-1');
  });

  it.each([undefined, '', ' ', 'a b', 7, null, 'x'.repeat(129)])(
    'says nothing of an incarnation like %j',
    (incarnation) => {
      expect(incarnationIn(ticketOf({ incarnation }))).toBeUndefined();
    },
  );

  it('is none in any other text, which never makes it fail', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.webUrl({ withQueryParameters: true }), fc.json()), (text) => {
        ticketIn(text);
        incarnationIn(text);
        incarnationIn(`head.${text}.signature`);
        expect(incarnationIn(ticketOf(text))).toBeUndefined();
      }),
    );
  });
});
