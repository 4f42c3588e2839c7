/**
 * Runs in a Pod, bundled: a scripted model on loopback, and one turn of the program in its arguments, which is `noisefleet run … -- codex
 * exec …` there. Prints what came of it as JSON.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { codexConfig } from '../../interop/codex-config.ts';
import { startModel } from './turn.ts';

const [marker = '', workspace = '', codexHome = '', program = '', ...args] = process.argv.slice(2);
const model = await startModel(marker);
mkdirSync(codexHome, { recursive: true });
writeFileSync(join(codexHome, 'config.toml'), codexConfig(model.url, workspace));
const child = spawn(program, args, {
  env: { ...process.env, CODEX_HOME: codexHome },
  stdio: ['ignore', 'pipe', 'pipe'],
});
const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
const { outputs } = model;
await model.close();
process.stdout.write(JSON.stringify({ code, outputs, stdout, stderr }));
