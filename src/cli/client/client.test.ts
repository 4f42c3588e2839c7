import { describe, expect, it } from 'vitest';
import { HarnessError } from '../../harness/index.ts';
import { lifeOf } from '../commands/connect.ts';
import { parseEnvironment } from '../connection/environment.ts';
import { parseEndpoint, partsBelow } from '../copy/endpoint.ts';
import { directoryIn, inTerminalOf, parseAssignment } from '../exec/remote-command.ts';
import { exitCodeOf } from '../exit.ts';
import { explain } from './refusal.ts';

describe('an environment on the command line', () => {
  it.each([
    ['demo', 'default', 'default_demo'],
    ['demo', 'team-a', 'team-a_demo'],
    ['team-b/demo', 'team-a', 'team-b_demo'],
    ['team-b_demo', 'team-a', 'team-b_demo'],
    ['team-a__fleet', 'default', 'team-a__fleet'],
  ])('%s in %s is %s', (text, namespace, id) => {
    expect(parseEnvironment(text, namespace).id).toBe(id);
  });

  it.each(['a/b/c', '', 'Demo', '../x'])('refuses %j', (text) => {
    expect(() => parseEnvironment(text, 'default')).toThrow(expect.objectContaining({ exitCode: 2 }));
  });

  it('is told as people write it', () => {
    expect(parseEnvironment('demo', 'default').label).toBe('default/demo');
    expect(parseEnvironment('team-a__fleet', 'default').label).toBe('team-a__fleet');
  });
});

describe('an error on the way to an environment', () => {
  it.each([
    [new HarnessError('not_authorized', 'connect', 'no', { status: 403 }), 4, /you may not connect to default\/demo/],
    [new HarnessError('key_not_pinned', 'connect', 'other key', { status: 403 }), 4, /other key .*\n.*--remote-key/],
    [
      new HarnessError('environment_offline', 'connect', '', { status: 409, retryable: true }),
      3,
      /no executor is connected/,
    ],
    [new HarnessError('registry_unreachable', 'connect', 'no answer', { retryable: true }), 3, /noisefleet dev/],
    [new HarnessError('ticket_used', 'relay', 'used', { status: 401, retryable: true }), 3, /used \(ticket_used\)/],
    [new HarnessError('output_lost', 'process', 'gone'), 1, /gone \(output_lost\)/],
  ])('%s ends with %i', (error, exitCode, words) => {
    const explained = explain(error, { label: 'default/demo' });
    expect(exitCodeOf(explained)).toBe(exitCode);
    expect(explained).toEqual(expect.objectContaining({ message: expect.stringMatching(words) }));
  });
});

describe('what exec makes of its arguments', () => {
  it('passes variables on by value or by name', () => {
    expect(parseAssignment('A=b=c')).toEqual(['A', 'b=c']);
    expect(parseAssignment('A', { A: 'x' })).toEqual(['A', 'x']);
    expect(() => parseAssignment('A', {})).toThrow(/has no value here/);
    expect(() => parseAssignment('=x')).toThrow(/NAME=VALUE/);
  });

  it('resolves a directory from the workspace', () => {
    expect(directoryIn('/w', undefined)).toBe('/w');
    expect(directoryIn('/w', 'a/../b')).toBe('/w/b');
    expect(directoryIn('/w', '/c')).toBe('/c');
  });

  it('gives the terminal our size', () => {
    const argv = inTerminalOf({ rows: 50, columns: 132 }, ['vi', 'a b']);
    expect(argv.slice(-2)).toEqual(['vi', 'a b']);
    expect(argv[2]).toContain('stty rows 50 cols 132');
  });
});

describe('what cp makes of its arguments', () => {
  it.each([
    ['demo:src', { where: 'there', environment: 'demo', path: 'src' }],
    ['demo:', { where: 'there', environment: 'demo', path: '.' }],
    ['team-a/demo:/x', { where: 'there', environment: 'team-a/demo', path: '/x' }],
    ['./a:b', { where: 'here', path: './a:b' }],
    ['/a/b:c', { where: 'here', path: '/a/b:c' }],
    ['notes.txt', { where: 'here', path: 'notes.txt' }],
  ])('%s', (text, endpoint) => {
    expect(parseEndpoint(text)).toEqual(endpoint);
  });

  it.each([
    ['/r/a/b', ['a', 'b']],
    ['/r/../etc/passwd', undefined],
    ['/other', undefined],
    ['/r//a', undefined],
    ['/r/a\\..\\b', undefined],
    ['/r', undefined],
  ])('lets an executor name nothing outside of the root: %s', (path, parts) => {
    expect(partsBelow('/r', path)).toEqual(parts);
  });
});

describe('the life of a token, in words', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  it.each([
    ['2026-01-01T11:59:00Z', '11 h 59 min'],
    ['2026-01-01T00:05:30Z', '5 min'],
    [undefined, 'nobody here knows'],
  ])('%s', (expirationTime, words) => {
    expect(lifeOf(expirationTime, now)).toContain(words);
  });
});
