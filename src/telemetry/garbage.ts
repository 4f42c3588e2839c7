import { Session } from 'node:inspector/promises';

/** All of it, now. The only way to it without a flag at the start of the process. Takes some 30 ms in a sidecar; nothing else goes on meanwhile. */
export async function collectGarbage(): Promise<void> {
  const session = new Session();
  session.connect();
  try {
    await session.post('HeapProfiler.collectGarbage');
  } finally {
    session.disconnect();
  }
}
