import { expect, it } from 'vitest';
import { systemClock } from '../telemetry/index.ts';
import { Announcer } from './announcer.ts';

function announcer() {
  const lines: string[] = [];
  const say = (line: string) => lines.push(line.replace(/^ {2}\d\d:\d\d:\d\d {2}/, ''));
  const made = new Announcer({ clock: systemClock, print: say, warn: say });
  made.speak();
  return { made, lines };
}

it('tells what became of keys, and once of what is wrong with them', () => {
  const { made, lines } = announcer();
  made.keys('e', { notes: ['Key k1 was made.', 'Key k1 serves.'], problems: [] });
  for (let time = 0; time < 3; time += 1) made.keys('e', { notes: [], problems: ['OverlapFull: wait', 'k9 is odd'] });
  made.keys('e', { notes: [], problems: [] });
  made.keys('e', { notes: [], problems: ['k9 is odd'] });
  expect(lines).toEqual([
    'e: Key k1 was made.',
    'e: Key k1 serves.',
    '! e: OverlapFull: wait',
    '! e: k9 is odd',
    '! e: k9 is odd',
  ]);
});

it('tells of a failed round once, and again when it came back after a good one', () => {
  const { made, lines } = announcer();
  made.roundFailed(new Error('full'));
  made.roundFailed(new Error('full'));
  made.roundDone();
  made.roundFailed(new Error('full'));
  expect(lines).toEqual(['! full', '! full']);
});

it('says nothing while it is to be silent', () => {
  const { made, lines } = announcer();
  made.silence();
  made.manifestsRefused('wrong');
  made.roundFailed(new Error('full'));
  expect(lines).toEqual([]);
});
