import { type ChildProcess, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../src/dev/state/free-port.ts';
import { kill, startPinned } from './processes.ts';

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
  return start(core, (port) => ({
    modules: [STREAM_MODULE],
    connections: 1_024,
    server: `stream { server { listen 127.0.0.1:${port}; proxy_pass 127.0.0.1:${upstreamPort}; tcp_nodelay on; } }`,
  }));
}

/** One worker of nginx `http`, pinned to `core`, that proxies up to `sockets` WebSockets to `upstreamPort`. */
export async function startWebSocketNginx(core: number, upstreamPort: number, sockets: number): Promise<Forwarder> {
  return start(core, (port) => ({
    modules: [],
    // One on each side, and room: when less than a sixteenth is free nginx closes connections that have not sent their request yet.
    connections: Math.ceil(2.5 * sockets),
    server: `http {
      access_log off;
      server {
        listen 127.0.0.1:${port} backlog=4096;
        location / {
          proxy_pass http://127.0.0.1:${upstreamPort};
          proxy_http_version 1.1;
          proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection "upgrade";
          proxy_read_timeout 1h;
        }
      }
    }`,
  }));
}

interface Setup {
  readonly modules: readonly string[];
  readonly connections: number;
  readonly server: string;
}

async function start(core: number, setupFor: (port: number) => Setup): Promise<Forwarder> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-nginx-'));
  const port = await freePort();
  const { modules, connections, server } = setupFor(port);
  const config = `
    ${modules.map((module) => `load_module ${module};`).join(' ')}
    daemon off; worker_processes 1; master_process off; worker_rlimit_nofile ${connections};
    pid ${folder}/pid; error_log ${folder}/error.log warn;
    events { worker_connections ${connections}; }
    ${server}`;
  await writeFile(join(folder, 'nginx.conf'), config);
  const child = startPinned(core, ['nginx', '-p', folder, '-c', join(folder, 'nginx.conf')]);
  await listening(port, child);
  return {
    port,
    pid: child.pid ?? 0,
    async stop() {
      await kill(child);
      await rm(folder, { recursive: true, force: true });
    },
  };
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
