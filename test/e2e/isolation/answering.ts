/** Runs in a container: answers on TCP and UDP ports. First argument: `{hosts, ports}` in JSON. Says `ready` and stays until it is told to end. */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

const { hosts, ports }: { hosts: readonly string[]; ports: readonly number[] } = JSON.parse(process.argv[1] ?? '');

for (const host of hosts) {
  for (const port of ports) {
    const server = createServer((socket) => socket.on('error', () => {}).end('hello'));
    await new Promise<void>((resolve) => server.listen(port, host, resolve));
    const datagrams = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    datagrams.on('message', (_, { port: back, address }) => datagrams.send('hello', back, address));
    await new Promise<void>((resolve) => datagrams.bind(port, host, resolve));
  }
}
process.once('SIGTERM', () => process.exit());
process.stdout.write('ready\n');
