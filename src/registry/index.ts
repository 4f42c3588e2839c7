export type { Directory, DirectoryChange, EnvironmentRecord } from './directory/directory.ts';
export { FileDirectory, type FileDirectoryOptions } from './directory/file-directory.ts';
export {
  type DirectoryFile,
  DirectoryFileError,
  directoryFileSchema,
  parseDirectoryFile,
} from './directory/file-format.ts';
export { openCluster, type RegistryCluster, type RegistryClusterOptions } from './kubernetes/cluster.ts';
export { DEFAULT_LIMITS, type RegistryLimits } from './limits/limits.ts';
export { type RegistryOptions, RegistryStartError, type RunningRegistry } from './options.ts';
export { startRegistry } from './start.ts';
