import manifest from '../../package.json' with { type: 'json' };

export function productVersion(): string {
  return manifest.version;
}
