/**
 * What can be wrong with bytes or values of the wire. The code says what, `step` says where it was found; neither ever
 * holds payload, tickets or keys, so both may be logged.
 */
export type WireErrorCode =
  /** The frame is not the protobuf message of contract §4: truncated, wrong wire type, overlong varint, bad UTF-8. */
  | 'malformed_frame'
  /** A field that may stand once stands twice: it would be routed by one and read by the other. */
  | 'duplicate_field'
  /** The format's version is not one that this release reads. */
  | 'unknown_version'
  /** `stream_id` is missing, blank or longer than `MAX_STREAM_ID_BYTES`. */
  | 'bad_stream_id'
  /** No body, or more than one. */
  | 'bad_body'
  /** Longer than the limit of its kind; the step names the kind. */
  | 'too_large'
  /** A text of ours or an id that does not have the shape it must have. */
  | 'malformed_value'
  /** A record failed to decrypt, is truncated or too long. The channel is dead. */
  | 'bad_record'
  /** `seq` runs further ahead than the reorder window, or too many bytes wait for a gap. */
  | 'reorder_window'
  /** A length prefix of 0 or over 64 MiB. */
  | 'bad_length_prefix'
  /** All 2^32 sequence numbers of a direction are used. */
  | 'sequence_exhausted'
  /** A message was to be sealed into the middle of another one. */
  | 'interleaved'
  /** Not a JSON text, or not UTF-8. */
  | 'malformed_json'
  /** One JSON object names a member twice. */
  | 'duplicate_key'
  /** More than `MAX_JSON_VALUES` values, or deeper than `MAX_JSON_DEPTH`. */
  | 'json_too_complex'
  /** JSON, but no JSON-RPC message (contract §6): not an object, `id: null`, neither method nor result nor error. */
  | 'malformed_message'
  /** A response that answers no request of ours. */
  | 'unexpected_response'
  /** Used after it failed or was closed. */
  | 'closed';

/** Bad bytes or values on the wire. Never retryable: the same bytes fail again. */
export class WireError extends Error {
  override readonly name = 'WireError';
  readonly code: WireErrorCode;
  readonly step: string;

  constructor(code: WireErrorCode, step: string, message: string, options?: { cause?: unknown }) {
    super(`${step}: ${message}`, options);
    this.code = code;
    this.step = step;
  }
}
