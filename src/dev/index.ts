export { type Dev, type DevOptions, startDev } from './dev.ts';
export { DevError } from './errors.ts';
