import { describe, expect, it } from 'vitest';
import { progressBar } from './progress-bar.ts';

function terminal(isTTY: boolean, columns = 20) {
  let text = '';
  const write = (more: string) => {
    text += more;
    return true;
  };
  return { stream: { isTTY, columns, write }, write, text: () => text };
}

describe('the progress of many', () => {
  it('is a line at the bottom of a terminal that is drawn seldom, cut at the edge, and gone at the end', () => {
    const { stream, write, text } = terminal(true);
    let now = 0;
    const bar = progressBar(stream, write, () => now);
    bar.draw('1 of 3');
    bar.draw('2 of 3');
    expect(text()).toBe('\r\x1b[K1 of 3');
    bar.print('build k2');
    now = 100;
    bar.draw(`3 of 3 ${'x'.repeat(40)}`);
    bar.end();
    expect(text()).toBe(`\r\x1b[K1 of 3\r\x1b[Kbuild k2\n\r\x1b[K2 of 3\r\x1b[K3 of 3 ${'x'.repeat(12)}\r\x1b[K`);
  });

  it('is plain lines elsewhere', () => {
    const { stream, write, text } = terminal(false);
    const bar = progressBar(stream, write);
    bar.draw('1 of 3');
    bar.print('build k2');
    bar.end();
    expect(text()).toBe('build k2\n');
  });
});
