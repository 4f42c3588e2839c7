import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { StepError, step } from './step.ts';

describe('step', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'cluster-step-'));
    vi.stubEnv('NOISEFLEET_CLUSTER_CACHE', folder);
    vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
    rmSync(folder, { recursive: true });
  });

  it('writes the output of all its commands to a log of its name, and one line with the seconds', async () => {
    await step('say it twice', { run: 'echo', arguments: ['one'] }, { run: 'echo', arguments: ['two'] });

    expect(readFileSync(join(folder, 'log/say-it-twice.log'), 'utf8')).toBe('$ echo one\none\n$ echo two\ntwo\n');
    expect(process.stderr.write).toHaveBeenCalledExactlyOnceWith(
      expect.stringMatching(/^ *\d+\.\d s {2}say it twice\n$/),
    );
  });

  it('names the step, the end of its output and the log when a command fails, and runs no further one', async () => {
    const failing = step('build it', { run: 'sh', arguments: ['-c', 'echo no disk; exit 7'] }, { run: 'echo' });

    const error = await failing.catch((reason: unknown) => reason);
    const log = join(folder, 'log/build-it.log');
    expect(error).toBeInstanceOf(StepError);
    expect(error).toMatchObject({ code: 'step_failed', step: 'build it', log });
    expect(error).toHaveProperty('message', expect.stringMatching(/^build it: failed \(exit 7\)\n.*no disk\nlog: /s));
    expect(readFileSync(log, 'utf8')).not.toContain('$ echo');
  });

  it('says which program is not installed', async () => {
    const failing = step('build it', { run: 'no-such-program' });

    await expect(failing).rejects.toMatchObject({ code: 'not_found' });
    await expect(failing).rejects.toThrow(/^build it: no-such-program is not installed\nlog: /);
  });
});
