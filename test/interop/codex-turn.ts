import type { ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CodexRelease } from './codex.ts';
import { codexConfig } from './codex-config.ts';
import { type FakeModel, type ModelStep, startFakeModel } from './fake-model.ts';
import { type Finished, type Fleet, finished } from './fleet.ts';
import { giveAway, makeFolder } from './user.ts';

export interface CodexTurn {
  readonly child: ChildProcess;
  readonly model: FakeModel;
  /** Ends with the turn: what Codex printed, and what its tools gave the model. */
  readonly result: Promise<Finished & { readonly outputs: readonly string[] }>;
}

export interface CodexTurnOptions {
  fleet: Pick<Fleet, 'scratch' | 'workspace' | 'noisefleet'>;
  release: CodexRelease;
  environment: string;
  steps: readonly ModelStep[];
  /** Further arguments of `codex exec`; none leaves the sandbox setting at its default. */
  codexArguments?: readonly string[];
  /** Name of the Codex home below the scratch folder; turns at the same time need one each. */
  home?: string;
  /** `noisefleet run` unless another launcher is given. */
  launch?: (codex: readonly string[], env: Record<string, string>) => ChildProcess;
}

/** One turn of a real, unmodified `codex exec` in `environment`, with a scripted model. */
export async function startCodexTurn(options: CodexTurnOptions): Promise<CodexTurn> {
  const { fleet, release, environment, steps, codexArguments = [], home = `codex-home-${release.version}` } = options;
  const model = await startFakeModel(steps);
  const codexHome = makeFolder(join(fleet.scratch, home));
  writeFileSync(join(codexHome, 'config.toml'), codexConfig(model.url, fleet.workspace));
  giveAway(join(codexHome, 'config.toml'));

  const codex = [
    release.binary,
    'exec',
    '--skip-git-repo-check',
    '--json',
    ...codexArguments,
    '-C',
    fleet.workspace,
    'go',
  ];
  const runByNoisefleet = (command: readonly string[], env: Record<string, string>) =>
    fleet.noisefleet(['run', environment, '--', ...command], env);
  const child = (options.launch ?? runByNoisefleet)(codex, { CODEX_HOME: codexHome });
  child.stdin?.end();
  const result = finished(child).then(async (end) => {
    const outputs = model.outputs;
    await model.close();
    return { ...end, outputs };
  });
  return { child, model, result };
}
