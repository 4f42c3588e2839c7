/** What a process has mapped: its loader, and the libraries beside it. Absolute paths. */
export interface SharedObjects {
  readonly loader: string;
  readonly libraries: readonly string[];
}

/** A line of `/proc/self/maps`: five columns, then the path. */
const MAPPING = /^[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \S+ +(\/.+)$/;
const SHARED_OBJECT = /\.so(\.[0-9]+)*$/;
const LOADER = /\/ld-[^/]+$/;

/** Reads `/proc/self/maps` (proc_pid_maps(5)). Addons of Node (`.node`) are no libraries here. Undefined: there is no loader among them. */
export function sharedObjectsIn(maps: string): SharedObjects | undefined {
  const paths = maps.split('\n').flatMap((line) => MAPPING.exec(line)?.[1] ?? []);
  const objects = [...new Set(paths)].filter((path) => SHARED_OBJECT.test(path));
  const loader = objects.find((path) => LOADER.test(path));
  if (loader === undefined) return undefined;
  return { loader, libraries: objects.filter((path) => path !== loader) };
}
