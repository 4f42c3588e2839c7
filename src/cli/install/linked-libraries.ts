/** `NAME => /PATH (ADDRESS)`: what a loader prints for a library that it would load (ldd(1), ld.so(8)). */
const LIBRARY = /^\s*\S+ => (\/\S*) \(0x[0-9a-f]+\)$/;

/** The libraries in what `LOADER --list PROGRAM` prints, by glibc's or musl's loader. Absolute paths. */
export function linkedLibraries(listing: string): readonly string[] {
  return [...new Set(listing.split('\n').flatMap((line) => LIBRARY.exec(line)?.[1] ?? []))];
}
