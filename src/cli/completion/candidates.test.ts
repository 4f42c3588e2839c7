import { Argument, Command } from 'commander';
import { describe, expect, it } from 'vitest';
import type { ClusterFlags } from '../cluster/cluster-flags.ts';
import { outputFlag } from '../output/output-format.ts';
import { candidates } from './candidates.ts';

const exec = () =>
  new Command('exec').argument('<environment>').option('-v, --verbose').addOption(outputFlag('json', 'yaml'));
const config = () => new Command('config').addCommand(new Command('export').option('--for <x>'));
const completion = () => new Command('completion').addArgument(new Argument('<shell>').choices(['bash', 'zsh']));

const commands = [
  { name: 'exec', summary: '', takes: 'environment' as const, load: async () => exec() },
  { name: 'config', summary: '', load: async () => config() },
  { name: 'completion', summary: '', load: async () => completion() },
];

describe('the end of a command line', () => {
  it.each([
    [['e'], ['exec']],
    [['--'], ['--help', '--version']],
    [['exec', '--v'], ['--verbose']],
    [
      ['exec', '-o', ''],
      ['json', 'yaml'],
    ],
    [['exec', '--output', 'y'], ['yaml']],
    [['exec', 'b'], ['build']],
    [['exec', 'build', '--', ''], []],
    [['config', ''], ['export']],
    [['config', 'export', '--f'], ['--for']],
    [
      ['completion', ''],
      ['bash', 'zsh'],
    ],
    [['nothing', ''], []],
    [[], ['exec', 'config', 'completion', '--help', '--version']],
  ])('%j can become %j', async (words, expected) => {
    expect(await candidates(words, commands, { executors: async () => ['build', 'gpu'] })).toEqual(expected);
  });

  it('asks the cluster and the namespace of the line', async () => {
    const asked: ClusterFlags[] = [];
    const names = { executors: async (flags: ClusterFlags) => [...(asked.push(flags) ? [] : [])] };
    await candidates(['exec', '-v', '-n', 'team-a', '--context', 'prod', ''], commands, names);
    expect(asked).toEqual([expect.objectContaining({ namespace: 'team-a', context: 'prod' })]);
  });
});
