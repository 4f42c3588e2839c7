import { writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TestAuthority } from '../wire/testing/authority.ts';
import { eventually, Fixture } from './testing/fixture.ts';

describe('a sidecar with a file of authorities', () => {
  let authority: TestAuthority;
  let fixture: Fixture;
  beforeEach(async () => {
    authority = await TestAuthority.make();
    fixture = await Fixture.prepare(await authority.issue());
  });
  afterEach(() => fixture.close());

  it('says nothing to a registry that none of them vouches for, and all of it once one does', async () => {
    const other = await TestAuthority.make();
    const caFile = fixture.path('ca.crt');
    writeFileSync(caFile, other.certificate);
    await fixture.startExecutor({ caFile });
    await eventually(() =>
      fixture.log.lines('registration waits').some(({ code }) => /^UNABLE_TO_/.test(String(code))),
    );
    expect([...fixture.registry.bearers]).toEqual([]);

    writeFileSync(caFile, other.certificate + authority.certificate);

    await eventually(() => fixture.registry.registered.length > 0);
    await fixture.socket();
    await eventually(() => fixture.registry.heard.some(({ type }) => type === 'report'));
  });

  it('does not start without one that can be read', async () => {
    const caFile = fixture.path('ca.crt');
    writeFileSync(caFile, 'not a certificate');

    await expect(fixture.startExecutor({ caFile })).rejects.toMatchObject({ code: 'bad_options', step: 'CA file' });
  });
});
