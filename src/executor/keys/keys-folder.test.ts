import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createKeyFile } from '../../noise/index.ts';
import { ManualClock } from '../../telemetry/testing/manual-clock.ts';
import { RecordedLog } from '../testing/recorded-log.ts';
import { KeysFolder } from './keys-folder.ts';

let dir: string;
let log: RecordedLog;
let clock: ManualClock;
let folder: KeysFolder;
let told: string[];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'keys-'));
  log = new RecordedLog();
  clock = new ManualClock();
  told = [];
});

afterEach(() => {
  folder.close();
  rmSync(dir, { recursive: true });
});

function open(path = dir): KeysFolder {
  folder = new KeysFolder({
    dir: path,
    clock,
    logger: log.logger,
    allowGroupRead: false,
    onAdded: ({ id }) => told.push(`+${id}`),
    onRemoved: ({ id }) => told.push(`-${id}`),
  });
  folder.start();
  return folder;
}

describe('KeysFolder', () => {
  it('tells what is there at the start, what comes and what goes', () => {
    createKeyFile(join(dir, 'k1.json'));
    open();
    createKeyFile(join(dir, 'k2.json'));
    folder.scan();
    rmSync(join(dir, 'k1.json'));
    folder.scan();
    folder.scan();
    expect(told).toEqual(['+k1', '+k2', '-k1']);
  });

  it('finds a change by polling when no watch event comes', () => {
    open();
    createKeyFile(join(dir, 'k1.json'));
    clock.advance(1000);
    expect(told).toEqual(['+k1']);
  });

  it('keeps a half-written file out, says so once, and loads it when it is whole', () => {
    createKeyFile(join(dir, 'k1.json'));
    const whole = readFileSync(join(dir, 'k1.json'));
    rmSync(join(dir, 'k1.json'));
    writeFileSync(join(dir, 'k1.json'), whole.subarray(0, 100), { mode: 0o600 });
    open();
    folder.scan();
    expect(told).toEqual([]);
    expect(log.lines('key file kept out')).toMatchObject([{ key: 'k1', code: 'key_file_malformed', kept: false }]);
    writeFileSync(join(dir, 'k1.json'), whole);
    folder.scan();
    expect(told).toEqual(['+k1']);
  });

  it('keeps a loaded key whose file becomes unreadable', () => {
    createKeyFile(join(dir, 'k1.json'));
    open();
    chmodSync(join(dir, 'k1.json'), 0o644);
    folder.scan();
    expect(told).toEqual(['+k1']);
    expect(log.lines('key file kept out')).toMatchObject([{ code: 'key_file_permissions', kept: true }]);
  });

  it('loses nothing when the whole folder is away for a moment', () => {
    createKeyFile(join(dir, 'k1.json'));
    open();
    renameSync(dir, `${dir}-away`);
    folder.scan();
    renameSync(`${dir}-away`, dir);
    folder.scan();
    expect(told).toEqual(['+k1']);
    expect(log.lines('keys folder unreadable').length).toBe(1);
  });

  it('follows a Secret volume, which swaps everything through ..data', () => {
    const version = (name: string, keys: string[]) => {
      mkdirSync(join(dir, name));
      for (const key of keys) createKeyFile(join(dir, name, key));
      symlinkSync(name, join(dir, '..data_tmp'));
      renameSync(join(dir, '..data_tmp'), join(dir, '..data'));
    };
    version('..1', ['k1.json']);
    symlinkSync('..data/k1.json', join(dir, 'k1.json'));
    open();
    version('..2', ['k2.json']);
    symlinkSync('..data/k2.json', join(dir, 'k2.json'));
    folder.scan();
    expect(told).toEqual(['+k1', '-k1', '+k2']);
  });

  it('takes another key under a known name as a removal and an addition', () => {
    createKeyFile(join(dir, 'k1.json'));
    open();
    createKeyFile(join(dir, 'next'));
    renameSync(join(dir, 'next'), join(dir, 'k1.json'));
    folder.scan();
    expect(told).toEqual(['+k1', '-k1', '+k1']);
  });

  it('does not load one key under two names', () => {
    createKeyFile(join(dir, 'k1.json'));
    open();
    writeFileSync(join(dir, 'k2.json'), readFileSync(join(dir, 'k1.json')), { mode: 0o600 });
    folder.scan();
    expect(told).toEqual(['+k1']);
    expect(log.lines('key file kept out')).toMatchObject([{ key: 'k2', twin: 'k1', code: 'duplicate_key' }]);
  });

  it('looks at nothing else in the folder', () => {
    writeFileSync(join(dir, 'k01.json'), '{}');
    writeFileSync(join(dir, 'notes.json'), '{}');
    writeFileSync(join(dir, '.k1.json.tmp'), '{}');
    open();
    expect(told).toEqual([]);
    expect(log.lines('key file kept out')).toEqual([]);
  });
});
