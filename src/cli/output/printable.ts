import { withoutControls } from '../../api/index.ts';

/** Words that others wrote, harmless to a terminal. */
export function printable(text: string): string {
  return withoutControls(text, '\u{fffd}');
}

/** The same, no longer than `length` characters. */
export function shortened(text: string, length: number): string {
  const characters = [...printable(text)];
  return characters.length <= length ? characters.join('') : `${characters.slice(0, length - 1).join('')}…`;
}
