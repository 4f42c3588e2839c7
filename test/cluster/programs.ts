import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { places } from './places.ts';
import { type Command, step } from './step.ts';

/** A program of the cluster, built from the Go module in `tools/MODULE`. */
interface Recipe {
  readonly module: string;
  readonly package: string;
  /** The dependency whose version is the program's; absent for our own. */
  readonly versionOf?: string;
  /** Name of the binary; the recipe's own unless given. */
  readonly binary?: string;
  /** Names that the binary is also called by. */
  readonly links?: readonly string[];
  readonly linkerFlags?: (version: string) => readonly string[];
}

const RECIPES = {
  pause: { module: 'pause', package: '.' },
  etcd: { module: 'etcd', package: 'go.etcd.io/etcd/server/v3', versionOf: 'go.etcd.io/etcd/server/v3' },
  kubernetes: {
    module: 'kubernetes',
    package: '.',
    versionOf: 'k8s.io/kubernetes',
    links: ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kube-proxy', 'kubelet', 'kubectl'],
    linkerFlags: kubernetesVersionFlags,
  },
  'kube-router': {
    module: 'addons',
    package: 'github.com/cloudnativelabs/kube-router/v2/cmd/kube-router',
    versionOf: 'github.com/cloudnativelabs/kube-router/v2',
  },
  coredns: { module: 'addons', package: 'github.com/coredns/coredns', versionOf: 'github.com/coredns/coredns' },
  helm: { module: 'helm', package: 'helm.sh/helm/v4/cmd/helm', versionOf: 'helm.sh/helm/v4' },
  openbao: {
    module: 'openbao',
    package: 'github.com/openbao/openbao',
    versionOf: 'github.com/openbao/openbao',
    binary: 'bao',
    linkerFlags: () => ['-X github.com/openbao/openbao/version.fullVersion=2.4.0'],
  },
} satisfies Record<string, Recipe>;

export type ProgramName = keyof typeof RECIPES;

export const PROGRAMS = Object.keys(RECIPES) as readonly ProgramName[];

/** What `up` needs. */
export const CLUSTER_PROGRAMS = ['pause', 'etcd', 'kubernetes', 'kube-router', 'coredns'] as const;

export function isProgram(name: string): name is ProgramName {
  return Object.hasOwn(RECIPES, name);
}

const TOOLS = join(import.meta.dirname, 'tools');

/** Static, and the same bytes from the same sources; of the user's Go settings only the module proxy's are kept. */
const GO_ENVIRONMENT = {
  GOTOOLCHAIN: 'local',
  CGO_ENABLED: '0',
  GOFLAGS: '-mod=readonly -buildvcs=false -trimpath',
};

/**
 * The folder of a program as this checkout wants it: its version, and a hash of all that decides what is built (module
 * files, sources, recipe, processor). Not in the hash: the version of Go, since a new patch release of Go is no reason
 * to spend eight minutes; remove the folder to have it built again.
 */
export function programFolder(name: ProgramName): string {
  const recipe: Recipe = RECIPES[name];
  const version = versionOf(recipe);
  const hash = createHash('sha256').update(
    JSON.stringify([process.arch, GO_ENVIRONMENT, recipe, recipe.linkerFlags?.(version)]),
  );
  for (const file of globSync(join(TOOLS, recipe.module, '*')).sort()) hash.update(readFileSync(file));
  return join(places().cache, 'programs', `${name}-${version}-${hash.digest('hex').slice(0, 12)}`);
}

/** Builds what is missing (from nothing, that is minutes each) and links everything named into `bin`. */
export async function build(names: readonly ProgramName[]): Promise<void> {
  for (const name of names) {
    const folder = programFolder(name);
    if (!existsSync(folder)) await buildProgram(name, folder);
    linkProgram(name, folder);
  }
}

async function buildProgram(name: ProgramName, folder: string): Promise<void> {
  const recipe: Recipe = RECIPES[name];
  const version = versionOf(recipe);
  const unfinished = `${folder}.${process.pid}`;
  mkdirSync(unfinished, { recursive: true });
  const flags = ['-s', '-w', ...(recipe.linkerFlags?.(version) ?? [])].join(' ');
  const compile: Command = {
    run: 'go',
    arguments: ['build', '-ldflags', flags, '-o', join(unfinished, recipe.binary ?? name), recipe.package],
    directory: join(TOOLS, recipe.module),
    environment: GO_ENVIRONMENT,
  };
  try {
    await step(`build ${name} ${version}`, compile);
    renameSync(unfinished, folder);
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    // Somebody else may have finished the same folder in the meantime.
    if (!existsSync(folder)) throw error;
  }
}

function linkProgram(name: ProgramName, folder: string): void {
  const recipe: Recipe = RECIPES[name];
  const { bin } = places();
  const binary = recipe.binary ?? name;
  mkdirSync(bin, { recursive: true });
  for (const link of [binary, ...(recipe.links ?? [])]) replaceLink(join(folder, binary), join(bin, link));
}

/** A link is never missing for a moment: a running test may be about to call it. */
function replaceLink(target: string, link: string): void {
  const fresh = `${link}.${process.pid}`;
  rmSync(fresh, { force: true });
  symlinkSync(target, fresh);
  renameSync(fresh, link);
}

/** The version that go.mod asks for; `0` for our own programs, whose sources are in the hash. */
function versionOf(recipe: Recipe): string {
  if (recipe.versionOf === undefined) return '0';
  const file = join(TOOLS, recipe.module, 'go.mod');
  const version = readFileSync(file, 'utf8')
    .split('\n')
    .map((line) =>
      line
        .trim()
        .replace(/^require /, '')
        .split(' '),
    )
    .find(([module]) => module === recipe.versionOf)?.[1];
  if (version === undefined) throw new Error(`${basename(recipe.module)}/go.mod does not require ${recipe.versionOf}`);
  return version;
}

function kubernetesVersionFlags(version: string): readonly string[] {
  const minor = version.split('.')[1] ?? '';
  return ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version'].flatMap((target) => [
    `-X ${target}.gitVersion=${version}`,
    `-X ${target}.gitMajor=1`,
    `-X ${target}.gitMinor=${minor}`,
    `-X ${target}.gitTreeState=archive`,
    `-X ${target}.buildDate=1970-01-01T00:00:00Z`,
  ]);
}
