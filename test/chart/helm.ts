import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { places } from '../cluster/places.ts';

export const CHART = fileURLToPath(new URL('../../charts/noisefleet', import.meta.url));

/** The one that `npm run cluster` has built (`build helm`, `up`), else the user's own. */
export function program(name: 'helm' | 'kubectl'): string {
  const built = join(places().bin, name);
  return existsSync(built) ? built : name;
}

/** @throws Error with what helm said */
export function helm(...args: readonly string[]): string {
  return execFileSync(program('helm'), args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** The text that `helm template` prints for a release `noisefleet` in the namespace of that name. */
export function render(...args: readonly string[]): string {
  return helm('template', 'noisefleet', CHART, '--namespace', 'noisefleet', ...args);
}

export interface RenderedObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly rules?: readonly Rule[];
  readonly subjects?: readonly { readonly kind: string; readonly name: string; readonly namespace?: string }[];
  readonly roleRef?: { readonly kind: string; readonly name: string };
  readonly spec?: unknown;
}

export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

export function objectsOf(text: string): RenderedObject[] {
  return parseAllDocuments(text)
    .map((document) => document.toJSON())
    .filter((object) => object !== null);
}
