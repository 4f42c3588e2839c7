import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DOCTOR_CODES } from '../../src/cli/doctor/codes.ts';
import { CHECKS } from '../../src/cli/doctor/finding.ts';

const text = readFileSync(join(dirname(dirname(import.meta.dirname)), 'docs/doctor.md'), 'utf8');
const rows = [...text.matchAll(/^\| ([\w, ]+) \| `(\w+)` \| (\w+) \| [^|]+ \| [^|]+ \|$/gm)].map(
  ([, checks = '', code = '', result = '']) => ({ checks: checks.split(', '), code, result }),
);

describe('the document of doctor', () => {
  it('has each code once, with its result', () => {
    const documented = Object.fromEntries(rows.map(({ code, result }) => [code, result]));
    const known = Object.fromEntries(Object.entries(DOCTOR_CODES).map(([code, { result }]) => [code, result]));
    expect(documented).toEqual(known);
    expect(rows.length).toBe(Object.keys(DOCTOR_CODES).length);
  });

  it('names checks that there are, and each of them', () => {
    const named = new Set(rows.flatMap(({ checks }) => checks));
    named.delete('any');
    expect([...named].sort()).toEqual(Object.keys(CHECKS).sort());
  });
});
