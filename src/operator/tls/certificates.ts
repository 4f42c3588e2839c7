// First: the certificate library looks for it when it is loaded.
import 'reflect-metadata';
import { createPrivateKey, createPublicKey, randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
  X509Certificate as X509ToSignWith,
} from '@peculiar/x509';

/** A certificate and its private key, both PEM. The key is a secret: it goes into a Secret and nowhere else. */
export interface Identity {
  readonly certificate: string;
  readonly privateKey: string;
}

/** What is decided by, of a certificate that can be used. Times in milliseconds since the epoch. */
export interface CertificateFacts {
  /** Hexadecimal serial number: the name of an authority. */
  readonly serial: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
  /** DNS names. */
  readonly hosts: readonly string[];
  /** SHA-256 of the certificate, in hexadecimal with colons. */
  readonly fingerprint: string;
}

/** ECDSA P-256: what every TLS stack verifies; the secrecy of the payload does not rest on it, that is Noise's. */
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** Certificates hold from a little earlier on, because clocks differ. Milliseconds. */
const BACKDATED_MS = 5 * 60_000;

/** RFC 5280 wants a positive number of at most 20 octets; 16 random ones never repeat. */
const SERIAL_BYTES = 16;

export interface AuthorityRequest {
  readonly name: string;
  readonly now: number;
  readonly lifeMs: number;
}

/** Makes a certificate authority that may sign leaves and nothing else (path length 0). */
export async function generateAuthority({ name, now, lifeMs }: AuthorityRequest): Promise<Identity> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: newSerial(),
      // A name of its own: verifiers look issuers up by name, and two authorities are trusted while one replaces the other.
      name: [{ CN: [`${name} ${new Date(now).toISOString()}`] }],
      ...validity(now, lifeMs),
      signingAlgorithm: ALGORITHM,
      keys,
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        await SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  );
  return { certificate: pem(certificate), privateKey: await privatePem(keys.privateKey) };
}

export interface LeafRequest {
  /** DNS names, at least one. */
  readonly hosts: readonly string[];
  readonly now: number;
  readonly lifeMs: number;
}

/** Makes a server certificate for these host names, signed by `authority`. It never outlives its authority. */
export async function issueLeaf(authority: Identity, { hosts, now, lifeMs }: LeafRequest): Promise<Identity> {
  const issuer = new X509ToSignWith(authority.certificate);
  const signingKey = await importPrivate(authority.privateKey);
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.create(
    {
      serialNumber: newSerial(),
      subject: [], // RFC 6125: names are in the alternative name; a common name has no room for a long one
      issuer: issuer.subjectName,
      ...validity(now, Math.min(lifeMs, issuer.notAfter.getTime() - now)),
      signingAlgorithm: ALGORITHM,
      publicKey: keys.publicKey,
      signingKey,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
        new SubjectAlternativeNameExtension(
          hosts.map((value) => ({ type: 'dns' as const, value })),
          true, // RFC 5280 §4.2.1.6: critical when the subject is empty
        ),
        await AuthorityKeyIdentifierExtension.create(issuer.publicKey, false, webcrypto),
        await SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  );
  return { certificate: pem(certificate), privateKey: await privatePem(keys.privateKey) };
}

/** What can be read of a pair, or undefined when it cannot be used: damaged, or the key is another certificate's. */
export function readIdentity({ certificate, privateKey }: Identity): CertificateFacts | undefined {
  try {
    const parsed = new X509Certificate(certificate);
    if (!parsed.checkPrivateKey(createPrivateKey(privateKey))) return undefined;
    return {
      serial: parsed.serialNumber.toLowerCase(),
      issuedAt: parsed.validFromDate.getTime() + BACKDATED_MS,
      expiresAt: parsed.validToDate.getTime(),
      fingerprint: parsed.fingerprint256,
      hosts: (parsed.subjectAltName ?? '')
        .split(', ')
        .flatMap((each) => (each.startsWith('DNS:') ? [each.slice('DNS:'.length)] : [])),
    };
  } catch {
    return undefined;
  }
}

/** Whether `leaf` was signed with the key of `authority`. Both are PEM and readable. */
export function isSignedBy(leaf: string, authority: string): boolean {
  return new X509Certificate(leaf).verify(createPublicKey(authority));
}

function validity(now: number, lifeMs: number): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(now - BACKDATED_MS), notAfter: new Date(now + lifeMs) };
}

function newSerial(): string {
  const bytes = randomBytes(SERIAL_BYTES);
  // The first bit says the sign, and a first octet of zero would not be written.
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString('hex');
}

function pem(certificate: X509ToSignWith): string {
  return `${certificate.toString('pem')}\n`;
}

async function privatePem(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
    .export({ format: 'pem', type: 'pkcs8' })
    .toString();
}

async function importPrivate(text: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(text).export({ format: 'der', type: 'pkcs8' });
  return webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign']);
}
