export { BufferCollector, collectOnOneThread } from './buffer-collector.ts';
export {
  type AcceptChannelOptions,
  type AcceptedChannel,
  acceptChannel,
  SecureChannel,
  type StartChannelOptions,
  type StartedChannel,
  startChannel,
} from './channel/channel.ts';
export { ChannelError, type ChannelErrorCode } from './channel/error.ts';
export {
  REGISTRY_AUTHENTICATION_REJECTED,
  RESET_PROTOCOL_ERROR,
  RESET_REGISTRY_UNAVAILABLE,
  type RefusalCode,
} from './codes.ts';
export { encodeDataFrame } from './envelope/data-frame.ts';
export { decodeFrame } from './envelope/decode.ts';
export { encodeFrame } from './envelope/encode.ts';
export type { DataBody, Frame, FrameBody } from './envelope/frame.ts';
export {
  createPeeked,
  isOfStream,
  type Peeked,
  type PeekFailure,
  peekFrame,
  peekFrameOf,
  streamHeader,
  streamIdOf,
} from './envelope/peek.ts';
export type { BodyKind } from './envelope/schema.ts';
export { WireError, type WireErrorCode } from './errors.ts';
export { decodeBase64 } from './exec-api/base64.ts';
export { type EnvironmentInfo, environmentInfo } from './exec-api/environment.ts';
export {
  MAX_BLOCK_BYTES,
  MAX_DIRECTORY_ENTRIES,
  MAX_HANDLE_ID_BYTES,
  MAX_OPEN_HANDLES,
  WALK_LIMITS,
} from './exec-api/files.ts';
export { MAX_BODY_DELTA_BYTES } from './exec-api/http.ts';
export {
  EXEC_METHODS,
  EXEC_NOTIFICATIONS,
  type ExecMethod,
  type ExecNotification,
  type ExecNotificationParams,
  type ExecParams,
  type ExecResult,
  INITIALIZED_NOTIFICATION,
  isExecMethod,
  isExecNotification,
  type ParsedExecParams,
  parseExecNotification,
  parseExecParams,
  parseExecResult,
} from './exec-api/methods.ts';
export { type EnvPolicy, envPolicy } from './exec-api/process.ts';
export { type SandboxRequest, sandboxRequest } from './exec-api/sandbox.ts';
export { type AuthoritiesOptions, followAuthorities, type Trust, trustOptions } from './files/authorities.ts';
export {
  type CertificateFolderOptions,
  followCertificates,
  renewCertificate,
  type ServingCertificate,
} from './files/certificate-folder.ts';
export { Followed, type FollowedOptions, type Loaded } from './files/followed.ts';
export {
  type BootId,
  type EnvironmentId,
  environmentIdOf,
  type Fingerprint,
  fingerprintOf,
  type Incarnation,
  isBootId,
  isEnvironmentId,
  isFingerprint,
  isIncarnation,
  isKeyHash,
  isKeyId,
  isRegistrationId,
  isStreamId,
  type KeyHash,
  type KeyId,
  keyHash,
  lengthPrefixed,
  parseBootId,
  parseEnvironmentId,
  parseFingerprint,
  parseIncarnation,
  parseKeyHash,
  parseKeyId,
  parseRegistrationId,
  parseStreamId,
  type RegistrationId,
  registrationIdOf,
  type StreamId,
  shortFingerprint,
} from './ids.ts';
export { encodeJsonRpc } from './jsonrpc/encode.ts';
export type {
  JsonRpcErrorBody,
  JsonRpcErrorResponse,
  JsonRpcId,
  JsonRpcMessage,
  JsonRpcNotification,
  JsonRpcRequest,
  JsonRpcResponse,
  JsonRpcTrace,
} from './jsonrpc/message.ts';
export { parseJsonRpc } from './jsonrpc/parse.ts';
export { type RequestContext, type RequestOptions, type RpcHandlers, RpcPeer } from './jsonrpc/peer.ts';
export { RPC_CODES, type RpcCode, RpcError } from './jsonrpc/rpc-error.ts';
export type { MessageReceiver, MessageTransport } from './jsonrpc/transport.ts';
export {
  MAX_ACTIVE_STREAMS,
  MAX_AUTHORIZATION_BYTES,
  MAX_GAP_BYTES,
  MAX_JSON_DEPTH,
  MAX_JSON_VALUES,
  MAX_MESSAGE_BYTES,
  MAX_PENDING_VALIDATIONS,
  MAX_PRESENCE_MESSAGE_BYTES,
  MAX_QUEUED_MESSAGES,
  MAX_RECORD_BYTES,
  MAX_RECORD_PLAINTEXT,
  MAX_REGISTRATION_ID_BYTES,
  MAX_REGISTRY_BODY_BYTES,
  MAX_RESET_REASON_BYTES,
  MAX_RPC_BYTES,
  MAX_SESSION_ENTRIES,
  MAX_STREAM_ID_BYTES,
  MAX_TICKET_LENGTH,
  RECORD_TAG_BYTES,
  REORDER_WINDOW,
} from './limits.ts';
export { type Access, distinctAccess } from './own/access.ts';
export {
  CONTROL_PING_INTERVAL_MS,
  CONTROL_PING_TIMEOUT_MS,
  type ControlToRelay,
  type ControlToSidecar,
  controlToRelay,
  controlToSidecar,
  DELIVERED_REPORT_BYTES,
  MAX_STREAM_BYTES_IN_FLIGHT,
} from './own/control.ts';
export { type Deny, type DenyMatch, type DenyReason, denySchema } from './own/deny.ts';
export type { SessionEntry } from './own/fields.ts';
export { HOP_HEADER } from './own/headers.ts';
export {
  ENVIRONMENTS_PATH,
  type EnvironmentReport,
  INTERNAL_HEARTBEAT_MS,
  type RegistryToOperator,
  registryToOperator,
} from './own/internal.ts';
export {
  PRESENCE_PATH,
  type PresenceEntry,
  type PresenceToRegistry,
  type PresenceToRelay,
  presenceToRegistry,
  presenceToRelay,
  type TicketJwk,
} from './own/presence.ts';
export { isProbe, PROBE_GRANT, PROBE_IDENTITY, probeNonce, probeText } from './own/probe.ts';
export { OWN_FORMAT_VERSION, type OwnFormat } from './own/versioned.ts';
export {
  MAX_NOT_FORWARDING,
  MAX_REPORTED_KEYS,
  type WatchToRegistry,
  type WatchToSidecar,
  watchPath,
  watchToRegistry,
  watchToSidecar,
} from './own/watch.ts';
export { decodePublicKey, encodePublicKey, PUBLIC_KEY_SUITE, type PublicKeyJson } from './registry-api/public-key.ts';
export {
  type ConnectRequest,
  type ConnectResponse,
  connectRequest,
  connectResponse,
  type ErrorBody,
  errorBody,
  parseBody,
  parseErrorBody,
  type RegisterRequest,
  type RegisterResponse,
  type RegistryCall,
  registerRequest,
  registerResponse,
  registryPath,
  SECURITY_PROFILE,
  STREAM_ID_HEADER,
  type ValidateRequest,
  type ValidateResponse,
  validateRequest,
  validateResponse,
} from './registry-api/registry-api.ts';
export {
  AUTHORIZATION_SECONDS,
  EXTERNAL_TICKET_SECONDS,
  type ExecutorTicket,
  HARNESS_TICKET_SECONDS,
  type HarnessAuthorization,
  type HarnessTicket,
  SIDECAR_TICKET_SECONDS,
} from './tickets/claims.ts';
export { TicketError, type TicketErrorCode } from './tickets/error.ts';
export {
  decodeTicketKeys,
  encodeTicketKeys,
  generateTicketKey,
  TICKET_KEY_ACCEPTED_SECONDS,
  type TicketKey,
} from './tickets/keys.ts';
export { createTicketKeysFile, loadTicketKeys } from './tickets/keys-file.ts';
export { TicketSigner } from './tickets/signer.ts';
export { readUncheckedHarnessTicket } from './tickets/unchecked.ts';
export { TICKET_CLOCK_SKEW_SECONDS, TicketVerifier } from './tickets/verifier.ts';
