import { z } from 'zod';
import { keySecretName } from '../../../src/keys/index.ts';
import type { Kubectl } from '../kubectl.ts';

/** Bytes that must not be found, as `probe-secrets` takes them: turned round, so that the probe's own input is not what it finds. */
export interface Needle {
  readonly name: string;
  readonly turned: string;
}

/** Of a long secret its end is enough: the beginning of a token says who made it, the end is the signature. */
const NEEDLE_BYTES = 24;

const secret = z.looseObject({ data: z.record(z.string(), z.string()) });
const keyFile = z.looseObject({ x25519PrivateKey: z.string(), mlkem768Seed: z.string() });

/** Every secret of an executor in each form in which it could lie around. `kubectl`: of the executor's namespace, as its administrator. */
export async function secretsOf(kubectl: Kubectl, executor: string, pod: string): Promise<Needle[]> {
  const { data } = secret.parse(await kubectl.get('secret', keySecretName({ name: executor })));
  const keys = Object.entries(data).flatMap(([file, encoded]) => {
    const { x25519PrivateKey, mlkem768Seed } = keyFile.parse(JSON.parse(Buffer.from(encoded, 'base64').toString()));
    const inSecret = needle(`${file} as the Secret has it`, Buffer.from(encoded));
    return [inSecret, ...formsOf(`X25519 of ${file}`, x25519PrivateKey), ...formsOf(`ML-KEM of ${file}`, mlkem768Seed)];
  });
  const inSidecar = async (file: string) =>
    (await kubectl.run(['exec', pod, '-c', 'noisefleet-sidecar', '--', 'cat', file])).trim();
  return [
    ...keys,
    needle('the token for the registry', Buffer.from(await inSidecar('/var/run/secrets/noisefleet/registry/token'))),
    needle(
      'the token of the exec-server',
      Buffer.from(await inSidecar('/var/lib/noisefleet/sidecar/exec-server-token')),
    ),
  ];
}

/** What the workspace is given on purpose, so that a search that finds nothing is known to look. */
export async function digestOf(kubectl: Kubectl, pod: string): Promise<Needle> {
  const file = '/var/run/noisefleet/exec-server-token.sha256';
  const digest = await kubectl.run(['exec', pod, '-c', 'noisefleet-sidecar', '--', 'cat', file]);
  return needle('the digest', Buffer.from(digest.trim()));
}

function formsOf(name: string, base64: string): Needle[] {
  const bytes = Buffer.from(base64, 'base64');
  return [
    needle(`${name}, bytes`, bytes),
    needle(`${name}, hexadecimal`, Buffer.from(bytes.toString('hex'))),
    needle(`${name}, base64`, Buffer.from(base64.replace(/=+$/, ''))),
    needle(`${name}, base64url`, Buffer.from(bytes.toString('base64url'))),
  ];
}

function needle(name: string, bytes: Buffer): Needle {
  const turned = [...bytes.subarray(-NEEDLE_BYTES).toString('base64')].reverse().join('');
  return { name, turned };
}
