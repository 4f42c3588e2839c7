import {
  decodeBase64,
  type ExecMethod,
  type ExecResult,
  MAX_BLOCK_BYTES,
  type ParsedExecParams,
  RPC_CODES,
  RpcError,
} from '../../wire/index.ts';
import { Lane } from '../lane.ts';
import type { SandboxMember, SandboxPolicy } from '../sandbox/policy.ts';
import type { Access } from './anchor.ts';
import { openToRead, openToReplace, readBlock, readWholeFile, writeBlock, writeWholeFile } from './contents.ts';
import { copy } from './copy.ts';
import { createDirectory, readDirectory, remove } from './directories.ts';
import { fileError, invalidRequest } from './errors.ts';
import { OpenHandles } from './handles.ts';
import { canonicalize, getMetadata } from './metadata.ts';
import { parsePathUri, pathUri } from './path-uri.ts';
import { walk } from './walk.ts';

type FileMethod = Extract<ExecMethod, `fs/${string}`>;

type FileHandlers = { [Method in FileMethod]: (params: ParsedExecParams<Method>) => Promise<ExecResult<Method>> };

interface AccessMembers {
  sandbox?: SandboxMember;
  followSymlinks: boolean;
}

/** `fs/*` of one connection, one after the other: a client that does not wait for answers still reads what it wrote. */
export class FileMethods {
  readonly #sandbox: SandboxPolicy;
  readonly #handles = new OpenHandles();
  readonly #lane = new Lane();

  constructor(sandbox: SandboxPolicy) {
    this.#sandbox = sandbox;
  }

  handlers(): FileHandlers {
    return { ...this.#pathHandlers(), ...this.#treeHandlers(), ...this.#handleHandlers() };
  }

  close(): Promise<void> {
    return this.#handles.closeAll();
  }

  #pathHandlers() {
    return {
      'fs/readFile': (params) =>
        this.#run(params, async (access) => {
          const bytes = await readWholeFile(parsePathUri(params.path), access);
          return { dataBase64: bytes.toString('base64') };
        }),
      'fs/writeFile': (params) =>
        this.#run(params, async (access) => {
          await writeWholeFile(parsePathUri(params.path), decodeData(params.dataBase64), access);
          return {};
        }),
      'fs/getMetadata': (params) => this.#run(params, (access) => getMetadata(parsePathUri(params.path), access)),
      'fs/canonicalize': (params) =>
        this.#run(params, async (access) => ({ path: pathUri(await canonicalize(parsePathUri(params.path), access)) })),
      'fs/readDirectory': (params) => this.#run(params, (access) => readDirectory(parsePathUri(params.path), access)),
    } satisfies Partial<FileHandlers>;
  }

  #treeHandlers() {
    return {
      'fs/createDirectory': (params) =>
        this.#run(params, async (access) => {
          await createDirectory(parsePathUri(params.path), params.recursive ?? true, access);
          return {};
        }),
      'fs/remove': (params) =>
        this.#run(params, async (access) => {
          const { recursive, force } = params;
          await remove(parsePathUri(params.path), { recursive: recursive ?? true, force: force ?? true }, access);
          return {};
        }),
      'fs/copy': (params) =>
        this.#run(params, async (access) => {
          await copy(parsePathUri(params.sourcePath), parsePathUri(params.destinationPath), params.recursive, access);
          return {};
        }),
      'fs/walk': (params) => this.#run(params, (access) => walk(parsePathUri(params.path), params.options, access)),
    } satisfies Partial<FileHandlers>;
  }

  #handleHandlers() {
    return {
      'fs/open': (params) =>
        this.#run(params, async (access) => {
          const { handleId, mode } = params;
          const path = parsePathUri(params.path);
          const open = mode === 'replace' ? openToReplace : openToRead;
          await this.#handles.open(handleId, () => open(path, access));
          return { handleId };
        }),
      'fs/readBlock': ({ handleId, offset, len }) =>
        this.#inOrder(async () => {
          const chunk = await readBlock(this.#handles.get(handleId), offset, len);
          return { chunk: chunk.toString('base64'), eof: chunk.length < len };
        }),
      'fs/writeBlock': (params) =>
        this.#inOrder(async () => {
          await writeBlock(this.#handles.get(params.handleId), params.offset, decodeBlock(params.chunk));
          return {};
        }),
      'fs/close': ({ handleId }) =>
        this.#inOrder(async () => {
          await this.#handles.close(handleId);
          return {};
        }),
    } satisfies Partial<FileHandlers>;
  }

  #run<Value>(
    { sandbox, followSymlinks }: AccessMembers,
    operation: (access: Access) => Promise<Value>,
  ): Promise<Value> {
    return this.#inOrder(async () => operation({ gate: await this.#sandbox.gate(sandbox), followSymlinks }));
  }

  #inOrder<Value>(operation: () => Promise<Value>): Promise<Value> {
    return this.#lane.run(async () => {
      try {
        return await operation();
      } catch (error) {
        throw fileError(error);
      }
    });
  }
}

function decodeData(text: string): Buffer {
  try {
    return decodeBase64(text);
  } catch (cause) {
    throw new RpcError(RPC_CODES.INVALID_REQUEST, 'fs/writeFile requires valid base64 dataBase64', { cause });
  }
}

function decodeBlock(text: string): Buffer {
  let bytes: Buffer;
  try {
    bytes = decodeBase64(text);
  } catch (cause) {
    throw new RpcError(RPC_CODES.INVALID_PARAMS, 'fs/writeBlock: chunk is not standard base64 with padding', { cause });
  }
  if (bytes.length === 0 || bytes.length > MAX_BLOCK_BYTES) {
    throw invalidRequest(`file write block length must be between 1 and ${MAX_BLOCK_BYTES}`);
  }
  return bytes;
}
