import { readFileSync } from 'node:fs';

/** A documented constant: its doc comment is its definition. */
export interface Documented {
  readonly name: string;
  readonly meaning: string;
}

const REASON = /\/\*\* (.+) \*\/\n {2}(\w+): '(\w+)',/g;
const CONDITION = /\/\*\* (.+) \*\/\nexport const [A-Z_]+ = '(\w+)';/g;

/** Condition types and reasons with their definitions, read from the source: comments do not survive into a running program. */
export function documentedConditions(): {
  readonly types: readonly Documented[];
  readonly reasons: readonly Documented[];
} {
  const source = readFileSync(new URL('../conditions.ts', import.meta.url), 'utf8');
  return {
    types: [...source.matchAll(CONDITION)].map(([, meaning = '', name = '']) => ({ name, meaning })),
    reasons: [...source.matchAll(REASON)].map(([, meaning = '', , name = '']) => ({ name, meaning })),
  };
}
