/** What a transport tells the one who reads it. Calls never overlap; nothing comes after `closed`. */
export interface MessageReceiver {
  /** One JSON-RPC message, whole. An exception thrown here is a bug of the receiver, not of the sender. */
  message(bytes: Uint8Array): void;
  /** `bufferedBytes()` fell below what the transport holds for enough: a paused sender may go on. */
  drained(): void;
  /** Once, at the end. `cause` is missing after a clean close of either side. */
  closed(cause?: Error): void;
}

/**
 * A two-way pipe of JSON-RPC messages, each sent and received whole and in order. Implemented over a WebSocket on loopback
 * and over a `SecureChannel` on a relay socket.
 */
export interface MessageTransport {
  /** Starts delivery, once; messages that came before are delivered first. */
  open(receiver: MessageReceiver): void;
  /** Queues one message. Silently nothing after the end: `closed` tells. */
  send(message: Uint8Array): void;
  /** Bytes queued here and not yet given to the network. A sender that can wait does so over its own threshold. */
  bufferedBytes(): number;
  /** Idempotent. `code` and `reason` are a WebSocket close code and a reset reason where the transport has such. */
  close(code?: number, reason?: string): void;
}
