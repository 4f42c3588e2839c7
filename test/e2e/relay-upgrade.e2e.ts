import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { previousCheckout } from '../previous/previous.ts';
import { useAgents } from './agents-namespace.ts';
import { installChart, loadProductImage, RELEASE, uninstallProduct } from './product.ts';
import { PRODUCT_IMAGE } from './product-image.ts';
import { BusyRelay } from './streams/busy-relay.ts';
import { expectNothingLost } from './streams/ends.ts';
import type { Streams } from './streams/streams.ts';

/** Two images, two installations, and the drain of every relay. Milliseconds. */
const LIMIT_MS = 600_000;

const executor = z.looseObject({
  status: z.looseObject({
    conditions: z.array(z.looseObject({ type: z.string(), status: z.string(), reason: z.string() })),
  }),
});

/** The release before this one, as somebody has it who is about to upgrade. */
function usePreviousProduct(): void {
  beforeAll(async () => {
    const previous = { root: await previousCheckout(), tag: 'e2e-previous' };
    await loadProductImage(previous);
    await loadProductImage();
    await installChart(RELEASE, RELEASE, {}, previous);
  }, LIMIT_MS);
  afterAll(uninstallProduct);
}

describe('the release before this one, under thirty streaming sessions', () => {
  const relay = new BusyRelay(useAgents('upgrade', { replicas: 2, registry: { replicas: 2 } }, usePreviousProduct));
  relay.use();
  let streams: Streams;
  let lives: readonly string[];

  beforeAll(async () => {
    streams = await relay.stream({ sessions: 30, restless: 2 });
    lives = await relay.executorLives();
    await streams.look('nothing happens');
  }, LIMIT_MS);

  it(
    'is upgraded by helm, and nobody notices',
    async () => {
      expect((await relay.pods('relay')).map(({ spec }) => spec.containers[0]?.image)).not.toContain(PRODUCT_IMAGE);

      await installChart(RELEASE, RELEASE);
      await relay.runs('registry', PRODUCT_IMAGE);
      await relay.runs('relay', PRODUCT_IMAGE);

      await streams.look('helm upgrade');
      for (const name of ['east', 'west']) {
        const { conditions } = executor.parse(await relay.kubectl.get('executor', name)).status;
        expect(conditions).toContainEqual(
          expect.objectContaining({ type: 'UpdatePending', status: 'True', reason: 'SessionsRunning' }),
        );
      }
      expectNothingLost(await streams.end());
      expect(await relay.executorLives()).toEqual(lives);
    },
    LIMIT_MS,
  );
});
