import type { Clock, Logger } from '../telemetry/index.ts';
import type { EnvironmentInfo } from '../wire/index.ts';
import type { Launcher } from './process/launcher.ts';
import type { SandboxPolicy } from './sandbox/policy.ts';
import type { Sessions } from './sessions.ts';

/** What all connections of a server share. */
export interface ExecContext {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly sessions: Sessions;
  readonly launcher: Launcher;
  readonly sandbox: SandboxPolicy;
  readonly info: EnvironmentInfo;
  opened(how: 'new' | 'resumed'): void;
  /** Output bytes went to a connection. */
  sent(bytes: number): void;
}
