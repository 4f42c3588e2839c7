import { generateKeyPairSync, sign } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:tls';
import type { Work } from '../interleave.ts';

/** Enough handshakes at once that nobody waits for the loopback. */
const AT_ONCE = 8;

/**
 * TLS 1.3 with X25519MLKEM768 and certificates on both sides, over loopback, without resumption. ECDSA on P-256, the fastest signature
 * that OpenSSL has.
 */
export async function tlsHandshakes(): Promise<{ work: Work; close(): void }> {
  const [server, client] = [certificate('server'), certificate('client')];
  const shared = { minVersion: 'TLSv1.3', ecdhCurve: 'X25519MLKEM768' } as const;
  const listener = createServer({ ...shared, ...server, ca: client.cert, requestCert: true, rejectUnauthorized: true });
  listener.on('secureConnection', (socket) => socket.on('error', () => socket.destroy()).end('.'));
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  const options = {
    ...shared,
    ...client,
    ca: server.cert,
    port,
    host: '127.0.0.1',
    checkServerIdentity: () => undefined,
  };

  const one = async () => {
    const socket = connect(options);
    // The first byte comes after the server has checked the client's certificate: both sides are done.
    await once(socket, 'data');
    socket.destroy();
  };
  return {
    async work(times) {
      let left = times;
      const lane = async () => {
        while (left-- > 0) await one();
      };
      const start = performance.now();
      await Promise.all(Array.from({ length: Math.min(AT_ONCE, times) }, lane));
      return (performance.now() - start) / 1000;
    },
    close: () => listener.close(),
  };
}

/** A self-signed certificate (RFC 5280), of this run only. Node can read certificates but not make them. */
function certificate(name: string): { key: string; cert: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ecdsaWithSha256 = der(0x30, Buffer.from('06082a8648ce3d040302', 'hex'));
  const commonName = der(0x30, der(0x31, der(0x30, Buffer.from('0603550403', 'hex'), der(0x0c, Buffer.from(name)))));
  const year = 365 * 86_400_000;
  const validity = der(0x30, utcTime(Date.now() - year), utcTime(Date.now() + year));
  const version3 = Buffer.from('a003020102', 'hex');
  const serial = Buffer.from('020101', 'hex');
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const body = der(0x30, version3, serial, ecdsaWithSha256, commonName, validity, commonName, spki);
  const signature = der(0x03, Buffer.from([0]), sign('sha256', body, privateKey));
  const cert = der(0x30, body, ecdsaWithSha256, signature).toString('base64');
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${cert}\n-----END CERTIFICATE-----\n`,
  };
}

function der(tag: number, ...parts: Uint8Array[]): Buffer {
  const contents = Buffer.concat(parts);
  const { length } = contents;
  const header =
    length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(header), contents]);
}

function utcTime(time: number): Buffer {
  const digits = new Date(time).toISOString().replace(/\D/g, '').slice(2, 14);
  return der(0x17, Buffer.from(`${digits}Z`));
}
