import { describe, expect, it } from 'vitest';
import { parseEnvironmentId } from '../wire/index.ts';
import type { Plan, PlannedEnvironment } from './manifests/plan.ts';
import { headline, invitation, partsTable } from './screen.ts';

const environment = (name: string, runtime: PlannedEnvironment['runtime']): PlannedEnvironment => ({
  id: parseEnvironmentId(`default_${name}`),
  namespace: 'default',
  name,
  runtime,
  sandbox: 'container',
  workspace: '/tmp/noisefleet',
  labels: {},
  keys: {
    policy: { period: 1, overlap: 1, windows: [], deletionPolicy: 'Destroy' },
    rotation: undefined,
    revocation: undefined,
  },
  client: 'sa:default/dev',
});

const plan: Plan = {
  relay: 'default/main',
  environments: [environment('demo', 'BuiltIn'), environment('laptop', 'External')],
  identities: [],
  grants: [],
  notes: [],
};

const front = { registryUrl: 'http://127.0.0.1:21873', relayUrl: 'ws://127.0.0.1:20211' };

describe('the screen of dev', () => {
  it('says first what it is and that it isolates nothing', () => {
    expect(headline('me').join('\n')).toContain(
      'isolates nothing: every part, and every command sent to an executor, runs as you (me)',
    );
  });

  it('shows each part, when it was ready, and what an External executor waits for', () => {
    const times: Record<string, number> = {
      registry: 212,
      relay: 230,
      'default_demo sidecar': 480,
      'default_demo exec-server': 260,
    };
    const lines = partsTable({
      front,
      plan,
      call: 'noisefleet',
      readyAfter: (name) => times[name],
      keyOf: () => ({ id: 'k1', fingerprint: 'SHA256:9vJmxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxQ3c' }),
    });
    expect(lines).toEqual([
      '  registry   http://127.0.0.1:21873          ready   0.2 s',
      '  relay      ws://127.0.0.1:20211            ready   0.2 s',
      '  executor   default_demo         BuiltIn    Ready   0.5 s   key k1 SHA256:9vJm…Q3c',
      '  executor   default_laptop       External   waiting for a host: noisefleet join laptop -- codex exec-server',
    ]);
  });

  it('invites with commands that work here, and with the ready file when it is not where they look', () => {
    const [first, ...rest] = invitation({ plan, call: 'noisefleet', folder: 'samples', readyFile: '/s/ready.json' });
    expect(first).toContain('export NOISEFLEET_READY_FILE=/s/ready.json');
    expect(rest.join('\n')).toContain('noisefleet exec -t demo -- bash');
    expect(invitation({ plan, call: 'noisefleet', folder: 'samples' }).join('\n')).not.toContain('export');
  });

  it('says so when there is nothing to run', () => {
    const empty = { front, plan: { ...plan, environments: [] }, call: '', readyAfter: () => 1, keyOf: () => undefined };
    expect(partsTable(empty).at(-1)).toContain('No Executor');
  });
});
