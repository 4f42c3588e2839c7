import { isApiError } from '../../kube/index.ts';
import { CliError } from '../client/cli-error.ts';
import { EXIT } from '../exit.ts';

export interface ApiAdvice {
  /** The commands with which somebody who may gives the right that was missing. `subject`: who is asking, as kubectl's flag. */
  readonly forbidden: (subject: string) => string;
  /** What to say when the object is not there. */
  readonly notFound?: { readonly what: string; readonly hint?: string };
}

/** What the API server refused, in words for people, with what mends it. Other errors stay as they are. */
export function explainApi(error: unknown, { forbidden, notFound }: ApiAdvice): unknown {
  if (!isApiError(error)) return error;
  switch (error.code) {
    case 'Forbidden':
      return new CliError(error.message, {
        code: 'forbidden',
        exitCode: EXIT.refused,
        hint: `Somebody who may give rights there mends it:\n${indented(forbidden(subjectIn(error.message)))}`,
      });
    case 'Unauthorized':
      return new CliError(error.message, {
        code: 'unauthenticated',
        exitCode: EXIT.refused,
        hint: 'The API server does not know you: log in again. What it sees:  kubectl auth whoami',
      });
    case 'NotFound':
      if (notFound === undefined) return new CliError(error.message, { code: 'not_found' });
      return new CliError(notFound.what, {
        code: 'not_found',
        ...(notFound.hint !== undefined && { hint: notFound.hint }),
      });
    case 'Unreachable':
    case 'Silent':
      return new CliError(error.message, {
        code: 'api_unreachable',
        exitCode: EXIT.notReady,
        hint: 'Is this the right cluster?  kubectl config current-context; kubectl version',
      });
    default:
      return error;
  }
}

function indented(lines: string): string {
  return lines.replaceAll(/^/gm, '  ');
}

/** Who was refused, as a flag of `kubectl create rolebinding`: the server says it in its message. */
function subjectIn(message: string): string {
  const user = /User "([^"]+)" cannot/.exec(message)?.[1];
  if (user === undefined) return '--user=NAME';
  const account = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(user);
  return account === null ? `--user=${user}` : `--serviceaccount=${account[1]}:${account[2]}`;
}

/** The chart's, without `noisefleet-`. */
export type ClusterRole = 'view' | 'edit' | 'key-rotator' | 'key-revoker';

/** Gives `subject` one of them in a namespace. */
export function bindRole(role: ClusterRole, namespace: string, subject: string): string {
  return `kubectl create rolebinding noisefleet-${role} -n ${namespace} --clusterrole=noisefleet-${role} ${subject}`;
}
