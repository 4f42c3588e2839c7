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
