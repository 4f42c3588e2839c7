/** Loopback addresses must not go through a proxy of the user's; what he excludes already stays. */
const LOOPBACK = '127.0.0.1,localhost';

/** The environment of a child that talks to a connector: ours, these variables, and no proxy in between. */
export function loopbackEnvironment(
  environment: NodeJS.ProcessEnv,
  variables: Readonly<Record<string, string>>,
): NodeJS.ProcessEnv {
  const without = (name: string) => [environment[name], LOOPBACK].filter(Boolean).join(',');
  return { ...environment, NO_PROXY: without('NO_PROXY'), no_proxy: without('no_proxy'), ...variables };
}

/** What a real harness reads once, at its start (contract §10). */
export function harnessVariables(registryUrl: string, environmentId: string, token: string): Record<string, string> {
  return {
    CODEX_EXEC_SERVER_NOISE_REGISTRY_URL: registryUrl,
    CODEX_EXEC_SERVER_NOISE_ENVIRONMENT_ID: environmentId,
    CODEX_EXEC_SERVER_NOISE_AUTH_TOKEN: token,
  };
}
