import { Document, isNode, LineCounter, parseAllDocuments } from 'yaml';
import type { z } from 'zod';
import { type Executor, executor } from './kinds/executor.ts';
import { type ExecutorGrant, executorGrant } from './kinds/grant.ts';
import { type Relay, relay } from './kinds/relay.ts';
import { nearestName } from './nearest.ts';

/** The API server's own limit for one request is 3 MiB; a file people edit by hand is far below this. */
export const MAX_MANIFEST_BYTES = 1_048_576;
/** Keeps a slip (a generated file, a loop in a template) from starting a thousand processes. */
export const MAX_DOCUMENTS = 256;

const SCHEMAS = { Relay: relay, Executor: executor, ExecutorGrant: executorGrant } as const;
const KINDS = Object.keys(SCHEMAS);

export type Resource = Relay | Executor | ExecutorGrant;

export interface ManifestFile {
  readonly file: string;
  readonly text: string;
}

/** One thing that is wrong, with everything needed to find it and to mend it. */
export interface ManifestProblem {
  readonly file: string;
  /** One-based, as editors count. */
  readonly line: number;
  /** One-based position among the file's documents. */
  readonly document: number;
  /** `Executor default/demo`, as far as that could be read. */
  readonly object?: string;
  /** `spec.runtime.type`; empty for the document itself. */
  readonly field: string;
  /** What is wrong and what is allowed. */
  readonly message: string;
}

export interface Manifests {
  readonly resources: readonly Resource[];
  readonly problems: readonly ManifestProblem[];
}

/** `executor.yaml:7 (document 2, Executor default/demo): spec.runtime.type: type must be one of …` */
export function describeProblem({ file, line, document, object, field, message }: ManifestProblem): string {
  const where = object === undefined ? `document ${document}` : `document ${document}, ${object}`;
  return `${file}:${line} (${where}): ${field === '' ? '' : `${field}: `}${message}`;
}

/**
 * Reads multi-document YAML (JSON is YAML too). Never throws: each wrong document is a problem beside the resources that are right,
 * and the caller decides whether to go on with those. Two objects of one kind, namespace and name are a problem of the second.
 */
export function parseManifests(files: readonly ManifestFile[]): Manifests {
  const resources: Resource[] = [];
  const problems: ManifestProblem[] = [];
  const seen = new Map<string, string>();
  for (const source of files.flatMap(documentsOf)) {
    const read = readDocument(source);
    if (read === undefined) continue;
    if (Array.isArray(read)) {
      problems.push(...read);
      continue;
    }
    const name = objectName(read);
    const earlier = seen.get(name);
    if (earlier === undefined) {
      seen.set(name, `${source.file}, document ${source.number}`);
      resources.push(read);
    } else {
      problems.push({ ...problemAt(source, [], `is there twice, first in ${earlier}`), object: name });
    }
  }
  return { resources, problems };
}

/** `Executor default/demo` */
export function objectName({ kind, metadata }: Pick<Resource, 'kind' | 'metadata'>): string {
  return `${kind} ${metadata.namespace}/${metadata.name}`;
}

interface SourceDocument {
  readonly file: string;
  readonly number: number;
  readonly document: Document;
  readonly lines: LineCounter;
  /** A refusal of the whole file. */
  readonly refused?: string;
}

function documentsOf({ file, text }: ManifestFile): SourceDocument[] {
  const lines = new LineCounter();
  const refuse = (refused: string) => [{ file, number: 1, document: new Document(null), lines, refused }];
  if (Buffer.byteLength(text) > MAX_MANIFEST_BYTES) return refuse(`is larger than ${MAX_MANIFEST_BYTES} bytes`);
  // YAML 1.2 core: `yes` is a string and so is an unquoted time, as for the API server.
  const documents = [...parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, schema: 'core' })];
  if (documents.length > MAX_DOCUMENTS) return refuse(`has more than ${MAX_DOCUMENTS} documents`);
  return documents.map((document, index) => ({ file, number: index + 1, document, lines }));
}

/** Undefined for a document that holds nothing, as a file that ends in `---` has. */
function readDocument(source: SourceDocument): Resource | ManifestProblem[] | undefined {
  const { document, refused } = source;
  if (refused !== undefined) return [problemAt(source, [], refused)];
  if (document.errors.length > 0) {
    return document.errors.map(({ message, pos }) => ({
      ...problemAt(source, [], `is not YAML: ${message}`),
      line: lineAt(source, pos[0]),
    }));
  }
  let value: unknown;
  try {
    value = document.toJS(); // throws on aliases that multiply beyond the library's bound of 100
  } catch (cause) {
    return [problemAt(source, [], `is not YAML we take: ${cause instanceof Error ? cause.message : String(cause)}`)];
  }
  if (value === null || value === undefined) return undefined;
  const kind = kindOf(value);
  if (kind === undefined) return [problemAt(source, ['kind'], kindMessage(value))];
  const parsed = SCHEMAS[kind].safeParse(value);
  if (parsed.success) return parsed.data;
  const object = writtenName(kind, value);
  return parsed.error.issues.map((issue) => ({ ...problemOf(source, value, issue), object }));
}

function kindOf(value: unknown): Resource['kind'] | undefined {
  const kind = at(value, ['kind']);
  return kind === 'Relay' || kind === 'Executor' || kind === 'ExecutorGrant' ? kind : undefined;
}

function kindMessage(value: unknown): string {
  if (typeof value !== 'object') return 'the document must be an object with apiVersion, kind, metadata and spec';
  const kind = at(value, ['kind']);
  const near = typeof kind === 'string' ? nearestName(kind, KINDS) : undefined;
  const shown = kind === undefined ? 'is missing' : `${JSON.stringify(kind)} is not known`;
  return `${shown}${near === undefined ? '' : `, did you mean ${near}?`}; must be one of ${KINDS.join(', ')}`;
}

/** The name as written, when the object itself could not be parsed. */
function writtenName(kind: Resource['kind'], value: unknown): string {
  const text = (path: readonly string[], otherwise: string) => {
    const written = at(value, path);
    return typeof written === 'string' ? written : otherwise;
  };
  return `${kind} ${text(['metadata', 'namespace'], 'default')}/${text(['metadata', 'name'], '?')}`;
}

function problemOf(source: SourceDocument, value: unknown, issue: z.core.$ZodIssue): ManifestProblem {
  // A wrong key of a map carries the reason inside.
  const reason = issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? issue.message) : issue.message;
  const missing = at(value, issue.path) === undefined;
  return problemAt(source, issue.path, missing ? `is missing; ${reason}` : reason);
}

function problemAt(source: SourceDocument, path: readonly PropertyKey[], message: string): ManifestProblem {
  const { file, number } = source;
  return { file, line: lineOf(source, path), document: number, field: fieldOf(path), message };
}

/** The line of the field, or of the nearest thing around it that is written down. */
function lineOf(source: SourceDocument, path: readonly PropertyKey[]): number {
  for (let length = path.length; length > 0; length -= 1) {
    const node = source.document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return lineAt(source, node.range[0]);
  }
  return lineAt(source, source.document.contents?.range?.[0] ?? 0);
}

function lineAt({ lines }: SourceDocument, offset: number): number {
  return Math.max(1, lines.linePos(offset).line);
}

/** `spec.template.spec.containers[0].name`; keys that are not plain words are quoted. */
function fieldOf(path: readonly PropertyKey[]): string {
  return path.reduce<string>((field, part) => {
    if (typeof part === 'number') return `${field}[${part}]`;
    const name = String(part);
    if (!/^[A-Za-z_][A-Za-z0-9_-]*$/.test(name)) return `${field}[${JSON.stringify(name)}]`;
    return field === '' ? name : `${field}.${name}`;
  }, '');
}

function at(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((inner, part) => {
    if (typeof inner !== 'object' || inner === null || !Object.hasOwn(inner, part)) return undefined;
    return Reflect.get(inner, part);
  }, value);
}
