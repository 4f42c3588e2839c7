import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aSession } from '../testing/builders.ts';
import { loadSessions } from './session-file.ts';

describe('loadSessions', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sessions-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function loaded(content: string) {
    const path = join(folder, 'sessions.json');
    await writeFile(path, content);
    return loadSessions(path);
  }

  it('reads every good session of a file, whatever stands between them', async () => {
    const entry = fc.oneof(
      fc.nat(999).map((n) => ({ isGood: true, value: aSession({ sessionId: `s${n}` }) })),
      fc.jsonValue().map((value) => ({ isGood: false, value })),
      fc.constantFrom(...Object.keys(aSession())).map((member) => ({
        isGood: false,
        value: { ...aSession(), [member]: {} },
      })),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { maxLength: 20 }), async (entries) => {
        const sessions = entries.filter(({ isGood }) => isGood).map(({ value }) => value);
        const content = JSON.stringify({ version: 1, sessions: entries.map(({ value }) => value) });
        expect(await loaded(content)).toEqual({ sessions, damaged: entries.length - sessions.length });
      }),
      { numRuns: 200 },
    );
  });

  it('takes any other text for a damaged file, and never throws', async () => {
    const whole = JSON.stringify({ version: 1, sessions: [aSession()] });
    const broken = fc.oneof(
      fc.string(),
      fc.nat(whole.length - 1).map((end) => whole.slice(0, end)),
      fc.jsonValue().map((value) => JSON.stringify(value)),
    );
    await fc.assert(
      fc.asyncProperty(broken, async (content) => {
        const { sessions, problem } = await loaded(content);
        expect(sessions).toEqual([]);
        expect(problem?.code).toBe('session_file');
      }),
      { numRuns: 200 },
    );
  });
});
