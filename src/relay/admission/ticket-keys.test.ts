import { describe, expect, it } from 'vitest';
import { TicketError, TicketSigner } from '../../wire/index.ts';
import { executorTicket } from '../testing/fleet.ts';
import { TicketChecks } from './ticket-checks.ts';
import { TicketKeys } from './ticket-keys.ts';

const now = Date.now() / 1000;

/** Whether tickets of this signer are accepted. */
async function accepts(keys: TicketKeys, signer: TicketSigner): Promise<boolean> {
  const token = await signer.signExecutorTicket(executorTicket(), now);
  return keys.verifier.verifyExecutorTicket(token, now).then(
    () => true,
    () => false,
  );
}

describe('TicketKeys', () => {
  const [old, fresh] = [TicketSigner.generate(), TicketSigner.generate()];

  it('accepts what any registry told', async () => {
    const keys = new TicketKeys();
    expect(keys.loaded).toBe(false);
    keys.set('a', old.publicJwks(now));
    keys.set('b', fresh.publicJwks(now));
    expect([keys.loaded, await accepts(keys, old), await accepts(keys, fresh)]).toEqual([true, true, true]);
    keys.forget('a');
    expect([await accepts(keys, old), await accepts(keys, fresh)]).toEqual([false, true]);
  });

  it('keeps what the last registry told until another one tells its keys, and no longer', async () => {
    const keys = new TicketKeys();
    keys.set('a', old.publicJwks(now));
    keys.forget('a');
    keys.set('b', []);
    expect([keys.loaded, await accepts(keys, old)]).toEqual([true, true]);
    keys.set('b', fresh.publicJwks(now));
    expect([await accepts(keys, old), await accepts(keys, fresh)]).toEqual([false, true]);
  });

  it('keeps what a registry told that came back', async () => {
    const keys = new TicketKeys();
    keys.set('a', old.publicJwks(now));
    keys.forget('a');
    keys.set('a', old.publicJwks(now));
    keys.set('b', fresh.publicJwks(now));
    expect([await accepts(keys, old), await accepts(keys, fresh)]).toEqual([true, true]);
  });
});

describe('TicketChecks', () => {
  it('looks at one ticket at a time, in their order, and goes on after a bad one', async () => {
    const checks = new TicketChecks();
    const seen: number[] = [];
    let now = 0;
    let most = 0;
    const check = (ticket: number) =>
      checks.run(401, async () => {
        now += 1;
        most = Math.max(most, now);
        await new Promise((resolve) => setImmediate(resolve));
        now -= 1;
        seen.push(ticket);
        if (ticket === 2) throw new TicketError('ticket_invalid', 'harness', 'bad');
        return ticket;
      });

    const results = await Promise.allSettled([1, 2, 3].map(check));

    expect(most).toBe(1);
    expect(seen).toEqual([1, 2, 3]);
    expect(results).toMatchObject([{ value: 1 }, { reason: { status: 401, code: 'ticket_invalid' } }, { value: 3 }]);
  });
});
