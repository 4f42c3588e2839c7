/** One HTTP request to the API server. What carries it (sockets, or the server in memory) answers or throws an `ApiError`. */
export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path and query. */
  readonly path: string;
  /** For error messages: what is asked, for example `apply Deployment agents/main`. */
  readonly step: string;
  readonly contentType?: string;
  /** Media types of the answer, as HTTP writes them; JSON first and anything else after it unless given. */
  readonly accept?: string | undefined;
  /** Bytes where a text would leave a secret in memory: they are the sender's, who may overwrite them when the answer is there. */
  readonly body?: string | Uint8Array;
  readonly signal?: AbortSignal | undefined;
  /** A watch: the answer may be silent for as long as it likes; who reads it has a timer of his own. */
  readonly longLived?: boolean;
}

export interface ApiResponse {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Read to its end or abandoned through the request's signal. */
  readonly body: AsyncIterable<Uint8Array>;
}

export interface Transport {
  send(request: ApiRequest): Promise<ApiResponse>;
  close(): Promise<void>;
}
