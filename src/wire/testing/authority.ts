// First: the certificate library looks for it when it is loaded.
import 'reflect-metadata';
import { randomBytes, type webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import type { ServingCertificate } from '../files/certificate-folder.ts';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const HOUR_MS = 3_600_000;

/** A certificate authority of a test, valid for an hour. */
export class TestAuthority {
  readonly #root: X509Certificate;
  readonly #key: webcrypto.CryptoKey;

  private constructor(root: X509Certificate, key: webcrypto.CryptoKey) {
    this.#root = root;
    this.#key = key;
  }

  static async make(): Promise<TestAuthority> {
    const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
    const root = await X509CertificateGenerator.createSelfSigned({
      name: `CN=test authority ${randomBytes(4).toString('hex')}`,
      ...lifetime(),
      signingAlgorithm: ALGORITHM,
      keys,
      extensions: [new BasicConstraintsExtension(true, 0, true)],
    });
    return new TestAuthority(root, keys.privateKey);
  }

  /** What clients trust, PEM. */
  get certificate(): string {
    return `${this.#root.toString('pem')}\n`;
  }

  /** A server's certificate for `localhost`, 127.0.0.1 and `hosts`. */
  async issue({
    hosts = [],
    serialNumber = randomBytes(8).toString('hex'),
  }: LeafOptions = {}): Promise<ServingCertificate> {
    const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
    const names = ['localhost', ...hosts].map((value) => ({ type: 'dns' as const, value }));
    const leaf = await X509CertificateGenerator.create({
      serialNumber,
      subject: 'CN=test server',
      issuer: this.#root.subject,
      ...lifetime(),
      signingAlgorithm: ALGORITHM,
      publicKey: keys.publicKey,
      signingKey: this.#key,
      extensions: [new SubjectAlternativeNameExtension([...names, { type: 'ip', value: '127.0.0.1' }])],
    });
    const der = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
    const key = `-----BEGIN PRIVATE KEY-----\n${der}\n-----END PRIVATE KEY-----\n`;
    return { cert: leaf.toString('pem'), key };
  }
}

interface LeafOptions {
  readonly hosts?: readonly string[];
  readonly serialNumber?: string;
}

function lifetime(): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(Date.now() - HOUR_MS), notAfter: new Date(Date.now() + HOUR_MS) };
}
