import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { CliError } from '../client/cli-error.ts';
import { entryFor, parseConnectionFile, readConnectionFile } from './connection-file.ts';

const GOOD = `
version: 1
namespace: team-a
connections:
  - environments: [team-a/build]
    registry: https://one
    context: prod
  - environments: [team-a/*, agents/*]
    registry: https://two
    caBundle: PEM
    serviceAccount: team-a/dev
`;

describe('a connection file', () => {
  it.each([
    ['team-a', 'build', undefined, 'https://one'],
    ['team-a', 'build', 'prod', 'https://one'],
    ['team-a', 'build', 'staging', 'https://two'],
    ['team-a', 'other', undefined, 'https://two'],
    ['team-b', 'build', undefined, undefined],
  ])('gives %s/%s in context %s the first connection that fits', (namespace, name, context, registry) => {
    const file = parseConnectionFile(GOOD, 'f');
    expect(entryFor(file, { names: { namespace, name } }, context)?.registry).toBe(registry);
  });

  it.each([
    ['version: 2\nconnections: []', 'version: must be 1'],
    ['version: 1', 'connections: must be a list'],
    ['version: 1\nconections: []', 'did you mean "connections"?'],
    ['version: 1\nconnections: [{environments: [team-a], registry: https://x}]', 'NAMESPACE/NAME, NAMESPACE/* or *'],
    ['version: 1\nconnections: [{environments: ["*"], registry: ftp://x}]', 'connections.0.registry'],
    [
      'version: 1\nconnections: [{environments: ["*"], registry: https://x, serviceAccount: a/b, tokenFile: t}]',
      'exclude each other',
    ],
    ['- [', 'is not YAML'],
    ['', 'the file'],
  ])('says what is wrong with %j', (text, message) => {
    expect(() => parseConnectionFile(text, 'config.yaml')).toThrow(message);
  });

  it('is read or refused with its code, whatever it holds', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        try {
          expect(parseConnectionFile(text, 'f').version).toBe(1);
        } catch (error) {
          expect(error).toBeInstanceOf(CliError);
        }
      }),
    );
  });

  it('need not be there, unless it is named', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'noisefleet-config-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    expect(await readConnectionFile(undefined, { XDG_CONFIG_HOME: folder })).toBeUndefined();
    await expect(readConnectionFile(join(folder, 'x'), {})).rejects.toThrow('cannot be read (ENOENT)');
    writeFileSync(join(folder, 'x'), GOOD);
    expect(await readConnectionFile(join(folder, 'x'), {})).toMatchObject({ namespace: 'team-a' });
  });
});
