import { stat } from 'node:fs/promises';
import type { ExecResult, ParsedExecParams } from '../../wire/index.ts';
import { type Access, withExisting } from './anchor.ts';
import { type Child, kindBehind, listDirectory } from './directories.ts';
import { fileError, invalidRequest } from './errors.ts';
import { type NativePath, pathUri } from './path-uri.ts';

type WalkResult = ExecResult<'fs/walk'>;
type WalkOptions = ParsedExecParams<'fs/walk'>['options'];

interface Pending {
  readonly path: NativePath;
  readonly depth: number;
}

/** Dot files: their directories are listed, and with `pruneHiddenDirectories` not entered. */
const DOT = 0x2e;

/**
 * Files and directories below `root`, breadth first and by name (contract §9.4). What cannot be listed is among `errors`; links to files
 * and whatever is neither file nor directory are left out, as a real executor does.
 *
 * @throws RpcError -32600 for limits of zero; Error of the system call when there is nothing at `root`
 */
export async function walk(root: NativePath, options: WalkOptions, access: Access): Promise<WalkResult> {
  if (options.maxDirectories === 0 || options.maxEntries === 0) {
    throw invalidRequest('filesystem walk limits must be greater than zero');
  }
  return new Walk(options, access).run(root);
}

class Walk {
  readonly #options: WalkOptions;
  readonly #access: Access;
  readonly #result: WalkResult = { entries: [], errors: [], truncated: false };
  #counted = 0;
  readonly #queue: Pending[] = [];
  /** Directories entered, by device and number: links may lead round in circles. */
  readonly #seen = new Set<string>();

  constructor(options: WalkOptions, access: Access) {
    this.#options = options;
    this.#access = access;
  }

  async run(root: NativePath): Promise<WalkResult> {
    const stats = await withExisting(root, 'read', this.#access, (place) => stat(place.path));
    if (!stats.isDirectory()) return this.#result;
    this.#queue.push({ path: root, depth: 0 });
    for (let entered = 0; this.#queue.length > 0 && !this.#result.truncated; entered++) {
      const next = this.#queue.shift();
      if (entered >= this.#options.maxDirectories) this.#result.truncated = true;
      else if (next) await this.#enter(next);
    }
    return this.#result;
  }

  async #enter({ path, depth }: Pending): Promise<void> {
    if (!(await this.#isNew(path))) return;
    let children: Child[];
    try {
      children = await listDirectory(path, this.#access);
    } catch (error) {
      this.#failed(path, error);
      return;
    }
    for (const child of children) {
      if (!(await this.#add(child, depth))) return;
    }
  }

  /** False when the result is full. Everything that is there counts, listed or not, as with a real executor. */
  async #add(child: Child, depth: number): Promise<boolean> {
    const kind = child.kind === 'link' ? await kindBehind(child.path, this.#access) : child.kind;
    if (kind === undefined) return true;
    if (this.#counted >= this.#options.maxEntries) {
      this.#result.truncated = true;
      return false;
    }
    this.#counted++;
    if (!this.#isListed(child, kind)) return true;
    this.#result.entries.push({ path: pathUri(child.path), kind });
    if (kind === 'directory' && depth < this.#options.maxDepth && !this.#isPruned(child)) {
      this.#queue.push({ path: child.path, depth: depth + 1 });
    }
    return true;
  }

  #isListed(child: Child, kind: Child['kind']): kind is 'file' | 'directory' {
    if (child.kind === 'link') return kind === 'directory' && this.#options.followDirectorySymlinks;
    return kind === 'file' || kind === 'directory';
  }

  #isPruned(child: Child): boolean {
    return this.#options.pruneHiddenDirectories && Buffer.from(child.name)[0] === DOT;
  }

  async #isNew(path: NativePath): Promise<boolean> {
    if (!this.#options.followDirectorySymlinks) return true;
    try {
      const { dev, ino } = await withExisting(path, 'read', this.#access, (place) => stat(place.path));
      const id = `${dev}:${ino}`;
      if (this.#seen.has(id)) return false;
      this.#seen.add(id);
      return true;
    } catch (error) {
      this.#failed(path, error);
      return false;
    }
  }

  #failed(path: NativePath, error: unknown): void {
    this.#result.errors.push({ path: pathUri(path), message: fileError(error).message });
  }
}
