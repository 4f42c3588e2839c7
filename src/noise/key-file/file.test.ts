import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { NoiseError } from '../error.ts';
import { publicKeysEqual } from '../keypair.ts';
import { createKeyFile, loadKeyFile } from './file.ts';

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'key-file-'));
  path = join(folder, 'k1.json');
});
afterEach(() => rmSync(folder, { recursive: true }));

const codeOf = (run: () => unknown) => {
  try {
    run();
  } catch (error) {
    return error instanceof NoiseError ? error.code : error;
  }
  return 'no error';
};

it('creates a file for its owner only, and leaves nothing beside it', () => {
  const created = createKeyFile(path);

  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toEqual(['k1.json']);
  expect(publicKeysEqual(loadKeyFile(path).publicKey, created.publicKey)).toBe(true);
});

it('never overwrites', () => {
  createKeyFile(path);
  const before = readFileSync(path, 'utf8');

  expect(codeOf(() => createKeyFile(path))).toBe('key_file_exists');
  expect(readFileSync(path, 'utf8')).toBe(before);
  expect(readdirSync(folder)).toEqual(['k1.json']);
});

it('never writes through a dangling link', () => {
  symlinkSync(join(folder, 'elsewhere.json'), path);

  expect(codeOf(() => createKeyFile(path))).toBe('key_file_exists');
  expect(readdirSync(folder)).toEqual(['k1.json']);
});

it.each([0o604, 0o640, 0o620, 0o660, 0o601, 0o644])('refuses a file that others may use: mode %o', (mode) => {
  createKeyFile(path);
  chmodSync(path, mode);

  expect(codeOf(() => loadKeyFile(path))).toBe('key_file_permissions');
});

it('takes a group-readable file where that is allowed, and nothing wider', () => {
  createKeyFile(path);

  chmodSync(path, 0o440);
  expect(codeOf(() => loadKeyFile(path, { allowGroupRead: true }))).toBe('no error');
  for (const mode of [0o460, 0o444, 0o644]) {
    chmodSync(path, mode);
    expect(codeOf(() => loadKeyFile(path, { allowGroupRead: true }))).toBe('key_file_permissions');
  }
});

it('follows the links of a Secret volume', () => {
  createKeyFile(join(folder, 'data.json'));
  symlinkSync('data.json', path);

  expect(codeOf(() => loadKeyFile(path))).toBe('no error');
});

it('says what is wrong with a path', () => {
  expect(codeOf(() => loadKeyFile(path))).toBe('key_file_missing');
  expect(codeOf(() => loadKeyFile(folder))).toBe('key_file_io');
  expect(codeOf(() => createKeyFile(join(folder, 'none', 'k1.json')))).toBe('key_file_missing');
  writeFileSync(path, 'x'.repeat(10_000), { mode: 0o600 });
  expect(codeOf(() => loadKeyFile(path))).toBe('key_file_malformed');
});
