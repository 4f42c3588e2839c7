/** What a terminal would obey, or what turns the order of letters round. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Words that others wrote, on one line and harmless to a terminal. */
export function printable(text: string): string {
  return text.toWellFormed().replace(UNPRINTABLE, '\u{fffd}');
}

/** The same, no longer than `length` characters. */
export function shortened(text: string, length: number): string {
  const characters = [...printable(text)];
  return characters.length <= length ? characters.join('') : `${characters.slice(0, length - 1).join('')}…`;
}
