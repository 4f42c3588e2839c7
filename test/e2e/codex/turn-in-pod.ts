/**
 * Runs in a Pod, bundled: a scripted model on loopback, and one turn of the program in its arguments, which is `noisefleet run … -- codex
 * exec …` there. Prints what came of it as JSON.
 */
import { startModel } from './turn.ts';
import { turnOf } from './turn-of.ts';

const [marker = '', workspace = '', codexHome = '', program = '', ...args] = process.argv.slice(2);
const model = await startModel(marker);
const result = await turnOf({ modelUrl: model.url, workspace, codexHome, program, args });
const { outputs } = model;
await model.close();
process.stdout.write(JSON.stringify({ ...result, outputs }));
