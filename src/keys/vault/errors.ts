import { KeyStoreError, type KeyStoreErrorCode } from '../key-store.ts';

/** As much of Vault's own words as a status can bear, and how much of that is their beginning: Go says the cause last, after paths of any length. */
const MAX_WORDS = 200;
const MAX_BEGINNING = 60;

/** Codes of Node and of the HTTP client that mean that time was up. */
const TIMEOUTS: ReadonlySet<string> = new Set(['ECONNABORTED', 'ETIMEDOUT', 'ESOCKETTIMEDOUT']);

/** What Vault answered. Bodies are not kept: they may hold keys. */
export class VaultAnswer extends Error {
  override readonly name = 'VaultAnswer';
  readonly status: number;
  /** Whether it was about our proof, and not about what we asked for. */
  readonly isLogin: boolean;

  constructor(status: number, words: readonly string[], isLogin = false) {
    super(shortened(words.join('; ').replace(/\s+/g, ' ').trim()) || `status ${status}`);
    this.status = status;
    this.isLogin = isLogin;
  }
}

function shortened(words: string): string {
  if (words.length <= MAX_WORDS) return words;
  const between = ' … ';
  return `${words.slice(0, MAX_BEGINNING)}${between}${words.slice(MAX_BEGINNING + between.length - MAX_WORDS)}`;
}

/** Vault did not answer. The client's own error is not kept: it holds the request, with its token and its body. */
export class VaultSilence extends Error {
  override readonly name = 'VaultSilence';
  readonly code: string;

  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

/** What node-vault rejects with, as one of ours, without anything of the request. */
export function vaultFailure(error: unknown): VaultAnswer | VaultSilence {
  if (error instanceof VaultAnswer || error instanceof VaultSilence) return error;
  const response: unknown = member(error, 'response');
  const status: unknown = member(response, 'statusCode');
  if (typeof status === 'number') {
    const words: unknown = member(member(response, 'body'), 'errors');
    return new VaultAnswer(status, Array.isArray(words) ? words.map(String) : []);
  }
  const code: unknown = member(error, 'code');
  return new VaultSilence(typeof code === 'string' ? code : 'no answer');
}

/** As a store says it, with what mends it. */
export function keyStoreFailure(error: unknown, step: string, path: string): KeyStoreError {
  if (error instanceof KeyStoreError) return error;
  const cause = vaultFailure(error);
  const code = codeOfFailure(cause);
  if (code === 'forbidden' && cause instanceof VaultAnswer && cause.isLogin) {
    return new KeyStoreError(code, step, `Vault: ${LOGIN_REFUSED} (${cause.message})`, { cause });
  }
  return new KeyStoreError(code, step, `Vault, ${path}: ${WORDS[code]} (${cause.message})`, { cause });
}

export function codeOfFailure(cause: VaultAnswer | VaultSilence): KeyStoreErrorCode {
  return cause instanceof VaultSilence ? codeOfSilence(cause) : codeOfAnswer(cause);
}

const LOGIN_REFUSED =
  'it does not take our ServiceAccount token. Compare role, audience and auth mount with docs/guides/vault.md, and see whether the token is renewed';

const WORDS: Readonly<Record<KeyStoreErrorCode, string>> = {
  unavailable: 'it does not answer, or not now',
  timeout: 'it did not answer in time',
  sealed: 'it is sealed. Unseal it',
  forbidden: 'it refuses this. Compare the policy of the role with docs/guides/vault.md',
  read_only: 'it takes no writes now',
  conflict: 'another key is there',
  not_found: 'there is nothing',
  not_owned: 'it is not ours',
  malformed: 'it is no key of ours',
};

function codeOfSilence({ code }: VaultSilence): KeyStoreErrorCode {
  return TIMEOUTS.has(code) ? 'timeout' : 'unavailable';
}

function codeOfAnswer({ status, message, isLogin }: VaultAnswer): KeyStoreErrorCode {
  if (/\bsealed\b/i.test(message)) return 'sealed';
  if (/read[- ]?only/i.test(message)) return 'read_only';
  if (/check-and-set/i.test(message)) return 'conflict';
  if (status === 401 || status === 403) return 'forbidden';
  // Without words nothing is there, or its version was deleted; with words the mount is not. That nobody can log in says nothing of keys.
  if (status === 404) return !isLogin && message === 'status 404' ? 'not_found' : 'forbidden';
  // What it cannot read, such as a role or a namespace that there is not: asking again as it is does not help.
  return status === 400 ? 'forbidden' : 'unavailable';
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
