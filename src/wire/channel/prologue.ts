import { lengthPrefixed, type RegistrationId, type StreamId } from '../ids.ts';

/** What a channel is bound to: both sides must name the same three, or message 1 does not open. */
export interface ChannelBinding {
  /** As in the registry's responses; a text of another registry need not be an `EnvironmentId` of ours. */
  environmentId: string;
  registrationId: RegistrationId;
  streamId: StreamId;
}

const DOMAIN = 'codex-exec-server-relay-noise/v1';

/** The Noise prologue of contract §5.2. */
export function channelPrologue({ environmentId, registrationId, streamId }: ChannelBinding): Uint8Array {
  return lengthPrefixed(DOMAIN, environmentId, registrationId, streamId);
}
