import { type Executor, toMilliseconds } from '../../api/index.ts';
import type { MaintenanceWindow } from './windows.ts';

/** `spec.keys`, in milliseconds. */
export interface RotationPolicy {
  readonly period: number;
  readonly overlap: number;
  /** When the schedule may rotate; none: at any time. Who asks for a rotation gets it at once. */
  readonly windows: readonly MaintenanceWindow[];
  /** What becomes of a key in the store that is accepted no more. */
  readonly deletionPolicy: DeletionPolicy;
}

/** `Destroy`: every version and what is known of it. `Retain`: it stays, marked as done with. */
export type DeletionPolicy = 'Destroy' | 'Retain';

export function rotationPolicy({ rotation, deletionPolicy }: Executor['spec']['keys']): RotationPolicy {
  return {
    period: toMilliseconds(rotation.period),
    overlap: toMilliseconds(rotation.overlap),
    windows: rotation.windows.map(({ duration, ...window }) => ({ ...window, duration: toMilliseconds(duration) })),
    deletionPolicy,
  };
}
