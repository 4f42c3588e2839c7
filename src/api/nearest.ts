/** Beyond this many edits a suggestion is a guess that misleads; two covers a swapped pair, a missing or a wrong letter. */
const MAX_EDITS = 2;

/** Longer words are not compared: the work grows with the product of the lengths, and no name of ours is longer. */
const MAX_WORD_LENGTH = 64;

/** The known name closest to `word` (case ignored), or undefined when none is close enough to be what was meant. */
export function nearestName(word: string, known: readonly string[]): string | undefined {
  if (word.length > MAX_WORD_LENGTH) return undefined;
  let best: string | undefined;
  let bestEdits = MAX_EDITS + 1;
  for (const name of known) {
    const edits = editsBetween(word.toLowerCase(), name.toLowerCase());
    if (edits < bestEdits) {
      best = name;
      bestEdits = edits;
    }
  }
  return best;
}

/** Levenshtein distance, one row at a time. */
function editsBetween(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const substitution = (above[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(substitution, (above[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    above = current;
  }
  return above[b.length] ?? 0;
}
