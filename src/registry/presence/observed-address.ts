import { isIP } from 'node:net';

/** `host:port` of a relay: the peer address as the kernel tells it, and the port of its hello. Undefined when there is no address. */
export function observedAddress(remoteAddress: string | undefined, port: number): string | undefined {
  if (remoteAddress === undefined) return undefined;
  // A dual-stack listener shows IPv4 peers as `::ffff:a.b.c.d`.
  const plain = remoteAddress.replace(/^::ffff:(?=\d+\.)/, '');
  switch (isIP(plain)) {
    case 4:
      return `${plain}:${port}`;
    case 6:
      return `[${plain}]:${port}`;
    default:
      return undefined;
  }
}
