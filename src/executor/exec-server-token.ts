import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomically } from './atomic-file.ts';
import { codeOf, ExecutorError } from './errors.ts';

/** 256 random bits: nobody in the workspace, which shares our network, can guess it. */
const TOKEN_BYTES = 32;
/** What an earlier life of the sidecar may have written: base64url of `TOKEN_BYTES`. */
const TOKEN = /^[A-Za-z0-9_-]{43}$/;

export interface ExecServerTokenOptions {
  stateDir: string;
  /** Where the exec-server looks for the digest; beside the token by default. */
  digestFile?: string;
}

/**
 * The secret between this sidecar and its exec-server (design §6): kept in the sidecar's own state folder over restarts, and made
 * there at the first start. The exec-server gets only the hex SHA-256. Throws `ExecutorError` `exec_server_token`.
 */
export async function execServerToken({ stateDir, digestFile }: ExecServerTokenOptions): Promise<string> {
  const tokenFile = join(stateDir, 'exec-server-token');
  try {
    await mkdir(stateDir, { recursive: true, mode: 0o700 });
    let token = await readIfPresent(tokenFile);
    if (token === undefined || !TOKEN.test(token)) {
      token = randomBytes(TOKEN_BYTES).toString('base64url');
      await writeFileAtomically(tokenFile, token);
    }
    const digest = createHash('sha256').update(token).digest('hex');
    const digestPath = digestFile ?? `${tokenFile}.sha256`;
    if ((await readIfPresent(digestPath)) !== digest) await writeFileAtomically(digestPath, `${digest}\n`, 0o644);
    return token;
  } catch (error) {
    throw new ExecutorError('exec_server_token', 'prepare', `cannot keep the exec-server token in ${stateDir}`, error);
  }
}

async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
