import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { codexConfig } from '../../interop/codex-config.ts';

export interface TurnOrder {
  readonly modelUrl: string;
  readonly workspace: string;
  readonly codexHome: string;
  readonly program: string;
  readonly args: readonly string[];
}

/** Runs in a Pod: one turn of a program, which is `noisefleet run … -- codex exec …` there, with a model on loopback. */
export async function turnOf({ modelUrl, workspace, codexHome, program, args }: TurnOrder) {
  mkdirSync(codexHome, { recursive: true });
  writeFileSync(join(codexHome, 'config.toml'), codexConfig(modelUrl, workspace));
  const child = spawn(program, args, {
    env: { ...process.env, CODEX_HOME: codexHome },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { code, stdout, stderr };
}
