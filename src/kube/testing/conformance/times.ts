import { expect, it } from 'vitest';
import { events, leases } from '../../objects/builtin.ts';
import { microTime } from '../../objects/micro-time.ts';
import { type Place, refusal } from './support.ts';

export function describeTimes(place: Place): void {
  it('takes only six fraction digits in a Lease', async () => {
    const { api, namespace } = place();
    const lease = (name: string, renewTime: string) =>
      api.create(leases, { metadata: { namespace, name }, ...{ spec: { renewTime } } });

    expect(await refusal(lease('dated', new Date().toISOString()))).toBe('BadRequest');
    expect((await lease('micro', microTime(1_700_000_000_123))).spec?.renewTime).toBe('2023-11-14T22:13:20.123000Z');
  });

  it('takes only six fraction digits in an Event', async () => {
    const { api, namespace } = place();
    const regarding = { apiVersion: 'v1', kind: 'ConfigMap', name: 'x', namespace };
    const event = (name: string, eventTime: string) => {
      const reported = { reportingController: 'noisefleet.dev/conformance', reportingInstance: 'test' };
      const what = { type: 'Normal', reason: 'Tested', action: 'Test', note: 'ok', regarding };
      return api.create(events, { metadata: { namespace, name }, ...{ eventTime, ...reported, ...what } });
    };

    expect(await refusal(event('dated', new Date().toISOString()))).toBe('BadRequest');
    expect((await event('micro', microTime(1_700_000_000_123))).eventTime).toBe('2023-11-14T22:13:20.123000Z');
  });
}
