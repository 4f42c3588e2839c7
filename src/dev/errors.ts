/** What `dev` cannot do, and what to do about it. `exitCode` 2: the call or the manifests are wrong; 1: something failed. */
export class DevError extends Error {
  override readonly name = 'DevError';
  readonly code: DevErrorCode;
  readonly exitCode: number;

  constructor(code: DevErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.exitCode = code === 'manifests_refused' || code === 'folder_unreadable' ? 2 : 1;
  }
}

export type DevErrorCode =
  /** The manifests say something that cannot be; the message has every problem with file and line. */
  | 'manifests_refused'
  /** The folder of manifests is not there or cannot be read. */
  | 'folder_unreadable'
  /** Another `dev` uses this state directory. */
  | 'already_running'
  /** The state directory belongs to somebody else, or cannot be made private. */
  | 'state_directory_unsafe'
  /** What is remembered of an executor's keys is no longer what was written. */
  | 'state_unreadable'
  /** A program that an executor needs is not installed. */
  | 'program_not_found'
  /** A part did not become ready in time. */
  | 'not_ready'
  /** The command of `--demo` did not do what it should. */
  | 'demo_failed';
