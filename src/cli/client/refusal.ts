import { HarnessError } from '../../harness/index.ts';
import { EXIT } from '../exit.ts';
import { CliError } from './cli-error.ts';

/** What went wrong on the way to an environment, whoever met it. */
export interface Refusal {
  code: string;
  message: string;
  status?: number | undefined;
  retryable?: boolean;
}

/** To what somebody wanted to connect, and as whom, where that is known. */
export interface Attempt {
  readonly label: string;
  readonly identity?: string;
}

interface Advice {
  what: (attempt: Attempt, message: string) => string;
  hint: (attempt: Attempt) => string;
}

/** What to say and to do, by code. Anything else is told in the words of whoever refused. */
const ADVICE: Readonly<Record<string, Advice>> = {
  not_authorized: {
    what: ({ label }) => `you may not connect to ${label}`,
    hint: ({ identity }) =>
      `${identity === undefined ? '' : `You are ${identity}. `}Ask its owner for an ExecutorGrant that names you, or check the name: an unknown one gets the same answer.`,
  },
  token_invalid: {
    what: () => 'the registry does not know your token',
    hint: ({ identity }) =>
      identity === undefined
        ? 'Is it the token of this registry? noisefleet dev writes new ones into its ready file at each start.'
        : 'Is it the registry of this cluster? It takes the tokens of its own only.',
  },
  token_expired: {
    what: () => 'your token has expired',
    hint: () => 'Put a new one into the token file. noisefleet run and noisefleet join read it again for each request.',
  },
  environment_offline: {
    what: ({ label }) => `${label} is known, but no executor is connected`,
    hint: () =>
      'It may be starting: try again in a moment. An External one waits for:  noisefleet join NAME -- codex exec-server',
  },
  key_not_pinned: {
    what: (_attempt, message) => message,
    hint: () =>
      'Do not go on before you know why: ask the owner whether the key was rotated, then pin the new one with --remote-key.',
  },
  executor_key_changed: {
    what: (_attempt, message) => message,
    hint: () => 'The next command opens a new session under the new key.',
  },
  executor_credential_rejected: {
    what: ({ label }) => `the registry refuses the credential of the executor of ${label}`,
    hint: () => 'Its owner must give it a new one.',
  },
  registry_unreachable: {
    what: (_attempt, message) => message,
    hint: ({ identity }) =>
      identity === undefined
        ? 'Is it running? On this machine:  noisefleet dev'
        : 'From outside of a cluster a Relay is reached by the names of its spec.external. Another address:  --address, --registry',
  },
  environment_in_use: {
    what: ({ label }) => `another executor serves ${label} and answers`,
    hint: () => 'End it, or join under another name.',
  },
};

/** Of a human who reads a terminal: what happened, why, and what to do. */
export function explainRefusal({ code, message, status, retryable }: Refusal, attempt: Attempt): CliError {
  const advice = ADVICE[code];
  const what = advice ? advice.what(attempt, message) : message;
  return new CliError(what, {
    code,
    exitCode: exitCodeFor(code, status, retryable ?? false),
    ...(advice && { hint: advice.hint(attempt) }),
  });
}

/** Errors of the harness room in words for people; others stay as they are. */
export function explain(error: unknown, attempt: Attempt): unknown {
  return error instanceof HarnessError ? explainRefusal(error, attempt) : error;
}

function exitCodeFor(code: string, status: number | undefined, retryable: boolean): number {
  if (code === 'key_not_pinned' || code === 'executor_key_changed') return EXIT.refused;
  // A relay's 401 is temporary: its ticket was old, or the executor had just gone.
  if ((status === 401 || status === 403) && !retryable) return EXIT.refused;
  return retryable || status === 409 ? EXIT.notReady : EXIT.failed;
}
