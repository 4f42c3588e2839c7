/** What every Relay needs of the installation. */
export interface ImageSettings {
  /** The one image of the product. */
  readonly image: string;
  readonly imagePullPolicy: 'Always' | 'IfNotPresent' | 'Never';
  /** Names of Secrets, in the namespace of the pod. */
  readonly imagePullSecrets: readonly string[];
  readonly logLevel: string;
}
