/**
 * `bad_message_1`, `bad_message_2`: the handshake did not open: another key, registration, environment or stream, or a forgery.
 * `registry_authentication_rejected`: the executor is there, but its own credential was refused: final (contract §2.4).
 * `bad_authorization`: over 4096 bytes, or not UTF-8.
 * `state`: a step taken twice.
 */
export type ChannelErrorCode =
  | 'bad_message_1'
  | 'bad_message_2'
  | 'registry_authentication_rejected'
  | 'bad_authorization'
  | 'state';

/** A handshake that failed. The stream is to be reset; the same messages fail again, a new stream may succeed. */
export class ChannelError extends Error {
  override readonly name = 'ChannelError';
  readonly code: ChannelErrorCode;
  readonly step: string;

  constructor(code: ChannelErrorCode, step: string, message: string, options?: { cause?: unknown }) {
    super(`${step}: ${message}`, options);
    this.code = code;
    this.step = step;
  }
}
