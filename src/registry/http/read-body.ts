import type { IncomingMessage } from 'node:http';
import { MAX_REGISTRY_BODY_BYTES } from '../../wire/index.ts';

/** `too_large`: over `MAX_REGISTRY_BODY_BYTES`. `cut`: the caller hung up in the middle, nobody waits for an answer. */
export class BodyError extends Error {
  readonly code: 'too_large' | 'cut';
  readonly step = 'read the body';

  constructor(code: BodyError['code'], options?: ErrorOptions) {
    super(code === 'too_large' ? `the body is over ${MAX_REGISTRY_BODY_BYTES} bytes` : 'the body was cut', options);
    this.name = 'BodyError';
    this.code = code;
  }
}

/** A whole body as text. A slow one is ended by the server's own request timeout. */
export async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of request) {
      length += chunk.length;
      if (length > MAX_REGISTRY_BODY_BYTES) throw new BodyError('too_large');
      chunks.push(chunk);
    }
  } catch (cause) {
    throw cause instanceof BodyError ? cause : new BodyError('cut', { cause });
  }
  return Buffer.concat(chunks).toString('utf8');
}
