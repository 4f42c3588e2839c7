import { describe, expect, it } from 'vitest';
import { CLUSTER_PROGRAMS, isProgram, PROGRAMS, programFolder } from './programs.ts';

describe('programFolder', () => {
  it.each(PROGRAMS)('names %s with its version and what decides its bytes', (name) => {
    expect(programFolder(name)).toMatch(new RegExp(`/programs/${name}-(0|v\\d[\\w.-]*)-[0-9a-f]{12}$`));
  });

  it('differs between programs of one Go module', () => {
    expect(new Set(PROGRAMS.map(programFolder)).size).toBe(PROGRAMS.length);
  });
});

describe('isProgram', () => {
  it('knows every program that up needs, and no property of objects', () => {
    expect(CLUSTER_PROGRAMS.every(isProgram)).toBe(true);
    expect(isProgram('constructor')).toBe(false);
  });
});
