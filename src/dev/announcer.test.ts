import { expect, it } from 'vitest';
import { systemClock } from '../telemetry/index.ts';
import { Announcer } from './announcer.ts';
import type { KeyRound } from './keys/key-rotation.ts';

function announcer() {
  const lines: string[] = [];
  const say = (line: string) => lines.push(line.replace(/^ {2}\d\d:\d\d:\d\d {2}/, ''));
  const made = new Announcer({ clock: systemClock, print: say, warn: say });
  made.speak();
  return { made, lines };
}

const round = (ids: string[], over: Partial<KeyRound> = {}): KeyRound => ({
  keys: ids.map((id) => ({ id, fingerprint: `SHA256:${id}` })),
  removed: [],
  problems: [],
  ...over,
});

it('tells of each key once, of its end, and of a rotation that waits', () => {
  const { made, lines } = announcer();
  for (let time = 0; time < 3; time += 1) made.keys('e', round(['k1']));
  made.keys('e', round(['k1', 'k2'], { created: { id: 'k2', trigger: 'Annotation' } }));
  for (let time = 0; time < 3; time += 1) made.keys('e', round(['k2'], { waiting: 'OverlapFull' }));
  made.keys('e', round(['k2'], { removed: ['k1'] }));
  expect(lines).toEqual([
    expect.stringMatching(/^e has key k1 SHA256:/),
    expect.stringMatching(/^e has key k2 SHA256:.* \(Annotation\)$/),
    expect.stringContaining('a rotation waits (OverlapFull)'),
    'e gives up key k1: its overlap is over',
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
