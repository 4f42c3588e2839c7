import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MIN_BEARER_LENGTH } from '../bearer.ts';
import { DEMO, RegistryFixture, sha256 } from '../testing/fixture.ts';

describe('a registration response', () => {
  let fixture: RegistryFixture;

  beforeEach(async () => {
    fixture = await RegistryFixture.start();
  });
  afterEach(() => fixture.close());

  async function registerWith(bearer: string) {
    await fixture.change((file) => {
      fixture.environment(DEMO, file).executorTokenSha256 = [sha256(bearer)];
    });
    return fixture.register(DEMO, bearer);
  }

  it('is not given to a bearer that is a part of it, because a real executor exits when it finds its own', async () => {
    const answer = await registerWith('executor_registration_id');
    expect([answer.status, answer.body.error.code]).toEqual([401, 'token_invalid']);
    expect(answer.text).not.toContain('executor_registration_id');
  });

  it('is not given to a bearer so short that it could be there by accident', async () => {
    const answer = await registerWith('x'.repeat(MIN_BEARER_LENGTH - 1));
    expect(answer.status).toBe(401);
  });
});
