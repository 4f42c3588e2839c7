/** Types and reasons of conditions. They are API: renaming one breaks whoever waits for it. */

/** Ready: commands reach this executor. The summary, positive. */
export const READY = 'Ready';

/** Stalled: nothing happens until a human mends what the message names. Removed once it is mended. */
export const STALLED = 'Stalled';

export const REASONS = {
  /** Ready=True: the registry knows a key of this executor that is present on a live socket. Nothing to do. */
  Registered: 'Registered',
  /** Ready=Unknown: the executor was started and has not registered yet. Wait; its log says what it waits for. */
  Registering: 'Registering',
  /** Ready=False on an `External` executor: no host has joined. Run `noisefleet join` on one. */
  WaitingForHost: 'WaitingForHost',
  /** Ready=False: the executor's process ended and is started again. Its log says why it ended. */
  Restarting: 'Restarting',
  /** Stalled=True: `spec.relayRef` names a Relay that does not exist. Create it, or correct the reference. */
  RelayNotFound: 'RelayNotFound',
  /** Stalled=True: the Relay does not allow the executor's namespace. Ask its owner, or use a relay of your own. */
  RelayNotAllowed: 'RelayNotAllowed',
  /** A rotation waits: three keys are live. It goes on when the overlap of the oldest ends. */
  OverlapFull: 'OverlapFull',
} as const;

export type Reason = (typeof REASONS)[keyof typeof REASONS];
