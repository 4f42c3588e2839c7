import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { previousCheckout } from './previous.ts';

const call = promisify(execFile);

describe('the previous release', () => {
  it('is one checkout for callers that ask at once, and it runs', async () => {
    const [checkout = '', ...others] = await Promise.all([previousCheckout(), previousCheckout(), previousCheckout()]);

    expect(others).toEqual([checkout, checkout]);
    const { stdout } = await call(process.execPath, [join(checkout, 'src/cli/main.mjs'), '--help']);
    expect(stdout).toContain('relay');
  });

  it('is told to be missing from a folder that is no clone, and from a clone without it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'noisefleet-previous-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));

    await expect(previousCheckout(folder)).rejects.toMatchObject({ code: 'no_repository' });
    await call('git', ['init', '--quiet', folder]);
    await expect(previousCheckout(folder)).rejects.toMatchObject({ code: 'commit_missing' });
  });
});
