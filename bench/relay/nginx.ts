import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const STREAM_MODULE = '/usr/lib/nginx/modules/ngx_stream_module.so';

export interface Forwarder {
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

/** Undefined when nginx with its stream module is installed, as Debian's packages nginx and libnginx-mod-stream do it. */
export function nginxMissing(): string | undefined {
  if (spawnSync('nginx', ['-v']).error !== undefined)
    return 'nginx is not installed (Debian: nginx, libnginx-mod-stream)';
  return existsSync(STREAM_MODULE)
    ? undefined
    : 'the stream module of nginx is not installed (Debian: libnginx-mod-stream)';
}

/** One worker of nginx `stream`, pinned to `core`, that forwards each connection to `upstreamPort`. */
export async function startNginx(core: number, upstreamPort: number): Promise<Forwarder> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-nginx-'));
  const port = await freePort();
  const config = `
    load_module ${STREAM_MODULE};
    daemon off; worker_processes 1; master_process off;
    pid ${folder}/pid; error_log ${folder}/error.log warn;
    events { worker_connections 1024; }
    stream { server { listen 127.0.0.1:${port}; proxy_pass 127.0.0.1:${upstreamPort}; tcp_nodelay on; } }`;
  await writeFile(join(folder, 'nginx.conf'), config);
  const child = spawn('taskset', ['-c', String(core), 'nginx', '-p', folder, '-c', join(folder, 'nginx.conf')], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  await listening(port, child);
  return {
    port,
    pid: child.pid ?? 0,
    async stop() {
      child.kill('SIGTERM');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

async function listening(port: number, child: ChildProcess): Promise<void> {
  while (child.exitCode === null) {
    const reached = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
      socket.once('close', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (reached) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`nginx ended with ${child.exitCode}`);
}
