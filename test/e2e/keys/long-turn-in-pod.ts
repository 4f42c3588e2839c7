/**
 * Runs in a Pod, bundled: a scripted model on loopback, and one turn of the program in its arguments, which is `noisefleet run … -- codex exec …`
 * there. The turn is one command that goes on until its workspace has a file of a name. Prints what came of it as JSON.
 */
import { type ModelStep, runningSessionId, startFakeModel } from '../../interop/fake-model.ts';
import { turnOf } from '../codex/turn-of.ts';

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
const result = await turnOf({ modelUrl: model.url, workspace, codexHome, program, args });
await model.close();
process.stdout.write(JSON.stringify(result));
