import type { ExecutorAuthentication } from '../directory/directory.ts';
import { REFUSALS, type Refusal } from './answer.ts';

/** What a credential that is proven bad is told; asked before a body is read, so that a stranger learns nothing from what it sends. */
export function credentialRefusal({ outcome }: Pick<ExecutorAuthentication, 'outcome'>): Refusal | undefined {
  switch (outcome) {
    case 'expired':
      return REFUSALS.tokenExpired();
    case 'unknown':
      return REFUSALS.tokenInvalid();
    case 'proven':
    case 'unavailable':
      return undefined;
    default:
      return outcome satisfies never;
  }
}
