/**
 * Runs in a container (`in-container.ts`): tries connections, says of each whether something answered. First argument: `{targets}` in JSON.
 * UDP counts as open when the datagram comes back.
 */
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';

/** Longer than any answer inside one cluster takes, also on a busy machine: what is dropped is silent for ever. Milliseconds. */
const PATIENCE_MS = 4_000;

interface Target {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly protocol?: 'TCP' | 'UDP';
}

function tcp({ host, port }: Target): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: PATIENCE_MS });
    const end = (outcome: string) => {
      socket.destroy();
      resolve(outcome);
    };
    socket.once('connect', () => end('open'));
    socket.once('timeout', () => end('closed'));
    socket.once('error', () => end('closed'));
  });
}

function udp({ host, port }: Target): Promise<string> {
  return new Promise((resolve) => {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    const end = (outcome: string) => {
      clearTimeout(timer);
      socket.close();
      resolve(outcome);
    };
    const timer = setTimeout(end, PATIENCE_MS, 'closed');
    socket.once('message', () => end('open'));
    socket.once('error', () => end('closed'));
    socket.send('?', port, host);
  });
}

const { targets }: { targets: readonly Target[] } = JSON.parse(process.argv[1] ?? '');
const outcomes = await Promise.all(
  targets.map(async (target) => [target.name, await (target.protocol === 'UDP' ? udp(target) : tcp(target))]),
);
process.stdout.write(JSON.stringify(Object.fromEntries(outcomes)));
process.exit();
