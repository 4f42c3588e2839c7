import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codexReleases, newestCodex } from './codex.ts';
import { startCodexTurn } from './codex-turn.ts';
import { commandOutput } from './command-output.ts';
import { type ModelStep, runningSessionId } from './fake-model.ts';
import { EXECUTOR_HOST, type Fleet, startFleet } from './fleet.ts';
import { fleetOf } from './manifests.ts';

/** A one-pixel PNG: what the model asks to see, read from the executor's files. */
const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

/** More than the 1 MiB that a real executor retains: the output passes as a stream, not from a buffer. */
const LONG_OUTPUT_LINES = 250_000;

const patch = `*** Begin Patch
*** Add File: sub/patched.txt
+written by apply_patch
*** End Patch
`;

const steps: readonly ModelStep[] = [
  () => ({ kind: 'exec', command: 'hostname; id -u; exit 7' }),
  () => ({ kind: 'exec', command: `seq 1 ${LONG_OUTPUT_LINES} | tee long.txt; hostname` }),
  () => ({ kind: 'patch', patch }),
  () => ({ kind: 'exec', command: 'cat sub/patched.txt; wc -l < long.txt' }),
  () => ({ kind: 'exec', command: 'tty; read line; echo "heard $line on $(hostname)"', tty: true, yieldMs: 1_000 }),
  (outputs) => ({ kind: 'stdin', sessionId: runningSessionId(outputs.at(-1)), characters: 'knock\n' }),
  () => ({ kind: 'exec', command: `echo ${PIXEL} | base64 -d > pixel.png` }),
  () => ({ kind: 'image', path: 'pixel.png' }),
];

describe.each(['BuiltIn', 'Codex'] as const)('a real codex exec through noisefleet run, runtime %s', (runtime) => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await startFleet({ manifests: fleetOf(runtime), arguments: ['--codex-bin', newestCodex.binary] });
  });
  afterAll(() => fleet?.stop());

  it.each(codexReleases)('works a whole turn on the executor with Codex $version', async (release) => {
    const turn = await startCodexTurn({ fleet, release, environment: runtime.toLowerCase(), steps });
    const { code, outputs, stdout, stderr } = await turn.result;

    expect({ code, stderr }).toMatchObject({ code: 0 });
    const [failing, long, patched, read, terminal, heard, , image] = outputs;
    expect(failing).toContain(EXECUTOR_HOST);
    expect(failing).toContain('exited with code 7');
    expect(long).toContain(EXECUTOR_HOST);
    expect(patched).toContain('sub/patched.txt');
    expect(read).toContain('written by apply_patch');
    expect(read).toContain(String(LONG_OUTPUT_LINES));
    expect(terminal).toContain('/dev/pts/');
    expect(heard).toContain(`heard knock on ${EXECUTOR_HOST}`);
    expect(image).toContain(PIXEL.slice(0, 40));

    const expected = Array.from({ length: LONG_OUTPUT_LINES }, (_, index) => `${index + 1}\n`).join('');
    expect(commandOutput(stdout, 'seq 1')).toContain(expected.slice(-4_096));
    expect(readFileSync(fleet.onExecutor(join(fleet.workspace, 'long.txt')), 'utf8')).toBe(expected);
    expect(existsSync(join(fleet.workspace, 'long.txt'))).toBe(false);
    expect(existsSync(join(fleet.workspace, 'sub/patched.txt'))).toBe(false);
  });
});
