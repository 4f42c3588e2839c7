import { execFileSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { join } from 'node:path';

/** One real Codex, unmodified, as npm delivers it. */
export interface CodexRelease {
  readonly version: string;
  readonly binary: string;
}

/** The newest release and an older one, newest first: the span that this project promises to work with. */
export const codexReleases: readonly CodexRelease[] = ['codex-newest', 'codex-older'].map(findRelease);

export const newestCodex: CodexRelease = findRelease('codex-newest');

function findRelease(alias: string): CodexRelease {
  const modules = join(import.meta.dirname, 'node_modules');
  const native = '@openai/codex-linux-x64/vendor/*/bin/codex';
  const [nested] = globSync(join(modules, alias, 'node_modules', native));
  const [hoisted] = globSync(join(modules, native));
  const binary = nested ?? hoisted;
  if (binary === undefined) throw new Error(`no ${alias} here: npm ci --prefix test/interop`);
  const version = execFileSync(binary, ['--version'], { encoding: 'utf8' })
    .trim()
    .replace(/^\S+\s/, '');
  return { version, binary };
}

/**
 * `config.toml` of a Codex that asks a scripted model. The workspace is trusted, as a developer's own repository is: the
 * default sandbox setting is then `workspace-write`.
 */
export function codexConfig(modelUrl: string, workspace: string): string {
  return `model = "gpt-5.5"
model_provider = "scripted"

[model_providers.scripted]
name = "scripted"
base_url = ${JSON.stringify(modelUrl)}
wire_api = "responses"
requires_openai_auth = false

[projects.${JSON.stringify(workspace)}]
trust_level = "trusted"
`;
}
