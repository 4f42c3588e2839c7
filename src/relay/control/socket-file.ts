import { once } from 'node:events';
import { chmod, lstat, mkdir, rm } from 'node:fs/promises';
import { connect, type Server } from 'node:net';
import { dirname } from 'node:path';

const OWNER_ONLY_FOLDER = 0o700;
const OWNER_ONLY_FILE = 0o600;
/** Rights of anybody but the owner. */
const OTHERS = 0o077;

/** The file of a local API cannot be had. */
class SocketFileError extends Error {
  override readonly name = 'SocketFileError';
  readonly code: 'control_socket_in_use' | 'control_socket_unsafe';

  constructor(code: SocketFileError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * Listens on a socket file that only the owner reaches: a folder of mode 0700, which is made if need be, and a file of mode 0600. What a dead life
 * left there is replaced.
 *
 * @throws SocketFileError when a living process listens there, or others may write to the folder
 */
export async function listenOnFile(server: Server, path: string): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true, mode: OWNER_ONLY_FOLDER });
  const { mode, uid } = await lstat(folder);
  if ((mode & OTHERS) !== 0 || uid !== process.getuid?.()) {
    throw new SocketFileError('control_socket_unsafe', `${folder} must be a folder of yours of mode 0700`);
  }
  if (await isAnswered(path)) {
    throw new SocketFileError(
      'control_socket_in_use',
      `another relay listens on ${path}; give this one a path of its own`,
    );
  }
  if (await isForeign(path)) {
    throw new SocketFileError('control_socket_unsafe', `${path} is a file that is no socket; it is left alone`);
  }
  await rm(path, { force: true });
  server.listen(path);
  await once(server, 'listening');
  await chmod(path, OWNER_ONLY_FILE);
}

/** Something else than a socket is there. */
async function isForeign(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined);
  return found !== undefined && !found.isSocket();
}

/** Whether somebody takes connections there. */
function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
