import type { EnvPolicy } from '../../wire/index.ts';

/** `inherit: "core"` of the real executor on Linux and macOS, matched without regard to case. */
const CORE_VARIABLES = ['HOME', 'LANG', 'LC_ALL', 'LC_CTYPE', 'LOGNAME', 'PATH', 'SHELL', 'TMPDIR', 'USER'];

/** Left out unless `ignoreDefaultExcludes`: what looks like a credential. */
const DEFAULT_EXCLUDES = ['*KEY*', '*SECRET*', '*TOKEN*'];

/**
 * Ours and a real executor's own: never inherited, whatever the policy says. NODE_CHANNEL_* would hand a child the descriptor
 * number of our supervisor's channel, NODE_V8_COVERAGE is a developer's.
 */
const OWN_VARIABLES = [
  'NOISEFLEET_*',
  'CODEX_API_KEY',
  'CODEX_ACCESS_TOKEN',
  'CODEX_EXEC_SERVER_*',
  'NODE_CHANNEL_*',
  'NODE_V8_COVERAGE',
];

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * The environment of a child (contract §9.3): without a policy exactly `env`; with one our own environment, thinned out by it, then
 * `set`, then `includeOnly` over both, and `env` over all.
 */
export function childEnvironment(
  own: Variables,
  policy: EnvPolicy | undefined,
  env: Variables,
): Record<string, string> {
  if (!policy) return defined(env);
  const excludes = [...(policy.ignoreDefaultExcludes ? [] : DEFAULT_EXCLUDES), ...policy.exclude];
  const inherited = pick(inheritable(own, policy.inherit), (name) => !matchesAny(name, excludes));
  const result = { ...inherited, ...policy.set };
  const included =
    policy.includeOnly.length > 0 ? pick(result, (name) => matchesAny(name, policy.includeOnly)) : result;
  return { ...included, ...defined(env) };
}

/** What a child may see of our environment at all. */
function withoutOwnVariables(own: Variables): Record<string, string> {
  return pick(defined(own), (name) => !matchesAny(name, OWN_VARIABLES));
}

function inheritable(own: Variables, inherit: EnvPolicy['inherit']): Record<string, string> {
  switch (inherit) {
    case 'none':
      return {};
    case 'all':
      return withoutOwnVariables(own);
    case 'core':
      return pick(withoutOwnVariables(own), (name) => CORE_VARIABLES.includes(name.toUpperCase()));
  }
}

function pick(variables: Record<string, string>, keep: (name: string) => boolean): Record<string, string> {
  return Object.fromEntries(Object.entries(variables).filter(([name]) => keep(name)));
}

function defined(variables: Variables): Record<string, string> {
  const entries = Object.entries(variables).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(entries);
}

function matchesAny(name: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => matchesGlob(name, pattern));
}

/**
 * `*` any run of characters, `?` exactly one, all else itself, without regard to case. Linear in time times pattern length: a
 * pattern comes from the network, and a regular expression made of it could be made to run for hours.
 */
export function matchesGlob(name: string, pattern: string): boolean {
  const text = [...name.toLowerCase()];
  const glob = [...pattern.toLowerCase()];
  let at = 0;
  let rule = 0;
  let star = -1;
  let starAt = 0;
  while (at < text.length) {
    if (glob[rule] === '*') {
      star = rule++;
      starAt = at;
    } else if (glob[rule] === '?' || glob[rule] === text[at]) {
      rule++;
      at++;
    } else if (star >= 0) {
      // Let the last star take one character more.
      rule = star + 1;
      at = ++starAt;
    } else {
      return false;
    }
  }
  while (glob[rule] === '*') rule++;
  return rule === glob.length;
}
