import type { JsonObject } from './json.ts';
import { metaText } from './json.ts';
import type { LogEntry } from './object-log.ts';

/** One open watch: the bytes of its events, in order, for whoever reads them. */
export class WatchFeed implements AsyncIterable<Uint8Array> {
  readonly #chunks: Uint8Array[] = [];
  readonly #matches: (object: JsonObject) => boolean;
  readonly #view: (object: JsonObject) => JsonObject;
  #wake: (() => void) | undefined;
  #end: { readonly error: unknown } | undefined;

  /** @param view what of each object is told */
  constructor(matches: (object: JsonObject) => boolean, view: (object: JsonObject) => JsonObject) {
    this.#matches = matches;
    this.#view = view;
  }

  /** An object that comes to match is added for this watch, one that ceases to match is deleted. */
  entry({ type, object, before }: LogEntry): void {
    const matched = before !== undefined && this.#matches(before);
    const matches = type !== 'DELETED' && this.#matches(object);
    if (matches) this.event(matched ? 'MODIFIED' : 'ADDED', this.#view(object));
    else if (matched)
      this.event('DELETED', this.#view(type === 'DELETED' ? object : { ...before, metadata: object.metadata }));
  }

  event(type: string, object: object): void {
    this.raw(`${JSON.stringify({ type, object })}\n`);
  }

  raw(text: string): void {
    if (this.#end !== undefined) return;
    this.#chunks.push(Buffer.from(text));
    this.#wake?.();
  }

  bookmark(kind: string, apiVersion: string, resourceVersion: string): void {
    this.event('BOOKMARK', { kind, apiVersion, metadata: { resourceVersion, creationTimestamp: null } });
  }

  /** Ends it, with an error as a broken connection does. */
  close(error?: unknown): void {
    this.#end ??= { error };
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) yield chunk;
      else if (this.#end !== undefined) {
        if (this.#end.error !== undefined) throw this.#end.error;
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}

/** The namespace that an object is in, if the watch is of one. */
export function isIn(namespace: string): (object: JsonObject) => boolean {
  return (object) => namespace === '' || metaText(object, 'namespace') === namespace;
}
