import { describe, expect, it } from 'vitest';
import { TicketSigner } from '../../wire/index.ts';
import { executorTicket } from '../testing/fleet.ts';
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
