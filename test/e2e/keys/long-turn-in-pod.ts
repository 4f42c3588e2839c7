/**
 * Runs in a Pod, bundled: a scripted model on loopback, and one turn of the program in its arguments, which is `noisefleet run … -- codex exec …`
 * there. The turn is one command that goes on until its workspace has a file of a name. Prints what came of it as JSON.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { codexConfig } from '../../interop/codex-config.ts';
import { type ModelStep, runningSessionId, startFakeModel } from '../../interop/fake-model.ts';

/** The longest that Codex waits for a command before it asks the model again. */
const YIELD_MS = 30_000;
/** How often it does at most. */
const MOST_STEPS = 12;

const [enough = '', workspace = '', codexHome = '', program = '', ...args] = process.argv.slice(2);
const command = `i=0; while [ ! -e ${enough} ]; do i=$((i+1)); echo "line $i"; echo $i >${enough}.ticks; sleep 0.1; done; echo "end $i"`;
const steps: readonly ModelStep[] = [
  () => ({ kind: 'exec', command, yieldMs: YIELD_MS }),
  ...Array.from(
    { length: MOST_STEPS },
    (): ModelStep => (outputs) => {
      const last = outputs.at(-1) ?? '';
      if (!/session ID/i.test(last)) return { kind: 'say', text: 'done' };
      return { kind: 'stdin', sessionId: runningSessionId(last), characters: '', yieldMs: YIELD_MS };
    },
  ),
];
const model = await startFakeModel(steps);
mkdirSync(codexHome, { recursive: true });
writeFileSync(join(codexHome, 'config.toml'), codexConfig(model.url, workspace));
const child = spawn(program, args, {
  env: { ...process.env, CODEX_HOME: codexHome },
  stdio: ['ignore', 'pipe', 'pipe'],
});
const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
await model.close();
process.stdout.write(JSON.stringify({ code, stdout, stderr }));
