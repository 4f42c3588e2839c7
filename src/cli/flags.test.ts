import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { checkNeededFlags, collect, flag, parseListen, parseOptionalListen, urlOf } from './flags.ts';

describe('flags', () => {
  it.each([
    ['127.0.0.1:8080', { host: '127.0.0.1', port: 8080 }],
    ['localhost:0', { host: 'localhost', port: 0 }],
    ['[::1]:443', { host: '::1', port: 443 }],
  ])('reads the address %s', (text, expected) => {
    expect(parseListen(text)).toEqual(expected);
  });

  it.each(['8080', ':8080', '127.0.0.1', '127.0.0.1:65536', '::1:80', 'a b:1x', 'host:-1'])(
    'refuses the address %j',
    (text) => {
      expect(() => parseListen(text)).toThrow('Write HOST:PORT');
    },
  );

  it('takes "none" for no listener where one is optional', () => {
    expect(parseOptionalListen('none')).toBeUndefined();
  });

  it('takes URLs of the named kinds, without a slash at the end', () => {
    expect(urlOf('http', 'https')('https://h/base/')).toBe('https://h/base');
    expect(() => urlOf('http')('ws://h')).toThrow('begins with http://');
    expect(() => urlOf('ws')('h:1')).toThrow('begins with ws://');
  });

  it('come from the environment too, and the flag wins', () => {
    process.env.NOISEFLEET_TEST_THING = 'from the environment';
    try {
      const parse = (...args: string[]) =>
        new Command().addOption(flag('--test-thing <x>', '')).parse(args, { from: 'user' }).opts().testThing;
      expect(parse()).toBe('from the environment');
      expect(parse('--test-thing', 'x')).toBe('x');
    } finally {
      delete process.env.NOISEFLEET_TEST_THING;
    }
  });

  it('may be given several times where that is said', () => {
    const command = new Command().addOption(flag('--url <url>', '').argParser(collect(urlOf('http'))));
    expect(command.parse(['--url', 'http://a', '--url', 'http://b/'], { from: 'user' }).opts().url).toEqual([
      'http://a',
      'http://b',
    ]);
  });

  it('that are needed are named when they are missing', () => {
    const command = new Command().addOption(flag('--needed <x>', '').makeOptionMandatory());
    expect(() => checkNeededFlags(command.parse([], { from: 'user' }))).toThrow(
      '--needed <x> is missing; NOISEFLEET_NEEDED can say it too',
    );
  });
});
