import { DEFAULT_LIMITS, type RelayLimits } from '../limits.ts';
import type { Machine } from './machine.ts';

const MIB = 1024 * 1024;

/** Node, the program and a heap that works, without anybody connected: 75 to 90 MiB were measured. */
const PROCESS_BYTES = 96 * MIB;
/** An idle connection with TLS: 63 KiB were measured of OpenSSL and `ws`; the rest is the relay's own and the kernel's. */
const SOCKET_BYTES = 80 * 1024;
/**
 * Shares of what the process leaves. The remaining eighth is for what nobody counts: buffers that are dead and not yet collected, and what the
 * kernel holds of each connection, which is charged to the container too and which the kernel gives back under pressure.
 */
const SOCKETS_PART = 3 / 8;
const BACKLOG_PART = 3 / 8;
const UPLOADS_PART = 1 / 16;
const BEGUN_PART = 1 / 16;

/** Files that are no connections: the program's own, listeners, registries, certificates being read again. */
const OTHER_FILES = 64;
/** Of the files this part may be connections without a request, and this part upgrades that are being answered. */
const UNFINISHED_PART = 1 / 4;
const PENDING_PART = 1 / 8;
/** Identities that together fill a replica: one alone leaves half of it to the others. */
const IDENTITIES_TO_FILL = 2;

/** At the least, or nobody gets in. */
const LEAST_BEGUN = 16;

export type Capacity = Pick<
  RelayLimits,
  | 'maxSockets'
  | 'maxUnfinishedSockets'
  | 'maxBegunSockets'
  | 'maxPendingUpgrades'
  | 'socketsPerIdentity'
  | 'processBacklogBytes'
  | 'processUploadBytes'
>;

/**
 * What a relay takes on, so that neither the kernel's memory limit nor the one of file descriptors is met first: of each the smaller of
 * the default and what the machine allows. At the limits of ours somebody is refused or cut with a reason; at the kernel's everybody is.
 */
export function capacityOf({ memoryBytes, openFiles }: Machine): Capacity {
  const free = Math.max(0, memoryBytes - PROCESS_BYTES);
  const files = Math.max(0, openFiles - OTHER_FILES);
  const unfinished = smaller(DEFAULT_LIMITS.maxUnfinishedSockets, files * UNFINISHED_PART);
  const pending = smaller(DEFAULT_LIMITS.maxPendingUpgrades, files * PENDING_PART);
  const sockets = Math.min(files - unfinished - pending, (free * SOCKETS_PART) / SOCKET_BYTES);
  const maxSockets = smaller(DEFAULT_LIMITS.maxSockets, sockets);
  return {
    maxSockets,
    maxUnfinishedSockets: unfinished,
    maxBegunSockets: Math.max(LEAST_BEGUN, smaller(DEFAULT_LIMITS.maxBegunSockets, (free * BEGUN_PART) / SOCKET_BYTES)),
    maxPendingUpgrades: pending,
    socketsPerIdentity: Math.ceil(maxSockets / IDENTITIES_TO_FILL),
    processBacklogBytes: smaller(DEFAULT_LIMITS.processBacklogBytes, free * BACKLOG_PART),
    processUploadBytes: smaller(DEFAULT_LIMITS.processUploadBytes, free * UPLOADS_PART),
  };
}

function smaller(limit: number, allowed: number): number {
  return Math.min(limit, Math.floor(allowed));
}
