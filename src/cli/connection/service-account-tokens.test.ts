import { describe, expect, it } from 'vitest';
import { MemoryApiServer } from '../../kube/testing/index.ts';
import { ManualClock } from '../../telemetry/testing/manual-clock.ts';
import { ServiceAccountTokens } from './service-account-tokens.ts';

const HOUR_MS = 3_600_000;
const PATH = '/api/v1/namespaces/team-a/serviceaccounts/dev/token';

function fixture() {
  const clock = new ManualClock();
  const server = new MemoryApiServer({ clock });
  const asked: unknown[] = [];
  let refusal: object | undefined;
  server.intercept(({ path, body }) => {
    if (path !== PATH) return undefined;
    if (refusal !== undefined) return { status: 403, body: refusal };
    asked.push(JSON.parse(String(body)).spec);
    const expirationTimestamp = new Date(clock.now() + HOUR_MS).toISOString();
    return { status: 201, body: { status: { token: `token-${asked.length}`, expirationTimestamp } } };
  });
  const tokens = new ServiceAccountTokens({ api: server.api(), account: { namespace: 'team-a', name: 'dev' }, clock });
  const refuse = (message: string) => {
    refusal = { kind: 'Status', status: 'Failure', reason: 'Forbidden', message, code: 403 };
  };
  return { clock, tokens, asked, refuse };
}

describe('tokens of a ServiceAccount', () => {
  it('are for connecting and nothing else, and asked for once at a time', async () => {
    const { tokens, asked } = fixture();
    expect(await Promise.all([tokens.current(), tokens.current()])).toEqual(['token-1', 'token-1']);
    expect(asked).toEqual([{ audiences: ['noisefleet-connect'], expirationSeconds: 3600 }]);
  });

  it('are replaced at half their life', async () => {
    const { clock, tokens } = fixture();
    await tokens.current();
    clock.advance(HOUR_MS / 2 - 1);
    expect(await tokens.current()).toBe('token-1');
    clock.advance(1);
    expect(await tokens.current()).toBe('token-2');
    expect(tokens.expirationTime).toBe(new Date(clock.now() + HOUR_MS).toISOString());
  });

  it('are used to their end while no other can be had', async () => {
    const { clock, tokens, refuse } = fixture();
    await tokens.current();
    refuse('no');
    clock.advance(HOUR_MS - 1);
    expect(await tokens.current()).toBe('token-1');
    clock.advance(1);
    await expect(tokens.current()).rejects.toThrow('(forbidden)');
  });

  it('are replaced at once when a registry refused one', async () => {
    const { tokens } = fixture();
    expect(await tokens.current(await tokens.current())).toBe('token-2');
  });

  it('that one may not ask for come with the commands that give the right', async () => {
    const { tokens, refuse } = fixture();
    refuse('serviceaccounts "dev" is forbidden: User "jane" cannot create resource "serviceaccounts/token" …');
    await expect(tokens.current()).rejects.toMatchObject({
      exitCode: 4,
      message: expect.stringContaining(
        'kubectl create role noisefleet-connect-dev -n team-a --verb=create --resource=serviceaccounts/token --resource-name=dev',
      ),
    });
    await expect(tokens.current()).rejects.toThrow(
      'kubectl create rolebinding noisefleet-connect-dev -n team-a --role=noisefleet-connect-dev --user=jane',
    );
  });
});
