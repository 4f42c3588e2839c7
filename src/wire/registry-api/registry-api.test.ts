import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { generateKeypair, publicKeysEqual } from '../../noise/index.ts';
import { parseEnvironmentId } from '../ids.ts';
import { MAX_AUTHORIZATION_BYTES, MAX_REGISTRY_BODY_BYTES } from '../limits.ts';
import { codeOf } from '../testing/code-of.ts';
import { expectOnlyItsErrors } from '../testing/mutations.ts';
import { decodePublicKey, encodePublicKey, PUBLIC_KEY_SUITE } from './public-key.ts';
import {
  connectRequest,
  connectResponse,
  errorBody,
  parseBody,
  parseErrorBody,
  registerRequest,
  registerResponse,
  registryPath,
  SECURITY_PROFILE,
  validateRequest,
  validateResponse,
} from './registry-api.ts';

const { publicKey } = generateKeypair();
const json = encodePublicKey(publicKey);

const bodies = {
  registerRequest: { security_profile: SECURITY_PROFILE, executor_public_key: json },
  registerResponse: {
    environment_id: 'team-a_build',
    url: 'wss://relay.example.com/v1/executor?role=environment&ticket=t',
    security_profile: SECURITY_PROFILE,
    executor_registration_id: 'r1',
  },
  connectRequest: { harness_public_key: json },
  connectResponse: {
    environment_id: 'team-a_build',
    url: 'ws://127.0.0.1:1/v1/harness?role=harness&ticket=t',
    security_profile: SECURITY_PROFILE,
    executor_registration_id: 'r1',
    executor_public_key: json,
    harness_key_authorization: 'a',
  },
  validateRequest: { executor_registration_id: 'r1', harness_public_key: json, harness_key_authorization: 'a' },
  validateResponse: { valid: true },
  errorBody: { error: { code: 'environment_offline', message: 'not here' } },
};
const schemas = {
  registerRequest,
  registerResponse,
  connectRequest,
  connectResponse,
  validateRequest,
  validateResponse,
  errorBody,
};
const names = Object.keys(bodies) as (keyof typeof bodies)[];

describe('public keys', () => {
  it('are read and written as the vectors write them', () => {
    const file = new URL('../../../test/vectors/hybrid-ik.json', import.meta.url);
    const { vectors } = JSON.parse(readFileSync(file, 'utf8')) as {
      vectors: Record<'initiator_static' | 'responder_static', { x25519_public: string; public_key_json: object }>[];
    };
    for (const key of vectors.flatMap((vector) => [vector.initiator_static, vector.responder_static])) {
      const decoded = decodePublicKey(key.public_key_json);
      expect(Buffer.from(decoded.x25519).toString('hex')).toBe(key.x25519_public);
      expect(encodePublicKey(decoded)).toEqual(key.public_key_json);
    }
  });

  it('come back as they went in', () => {
    expect(publicKeysEqual(decodePublicKey(json), publicKey)).toBe(true);
  });

  const { suite, x25519_public_key: x, mlkem768_public_key: kem } = json;
  it.each<[string, unknown]>([
    ['a fourth field', { ...json, extra: 1 }],
    ['another suite', { ...json, suite: 'Noise_hybridIK_25519+MLKEM768_AESGCM_SHA256' }],
    ['no suite', { x25519_public_key: x, mlkem768_public_key: kem }],
    ['unpadded base64', { ...json, x25519_public_key: x.replace(/=+$/, '') }],
    ['padding too much', { ...json, x25519_public_key: `${x}=` }],
    ['base64url', { ...json, x25519_public_key: Buffer.alloc(32, 0xff).toString('base64url').padEnd(44, '=') }],
    ['trailing bits', { ...json, x25519_public_key: Buffer.alloc(32).toString('base64').replace('A=', 'B=') }],
    ['a space', { ...json, x25519_public_key: ` ${x.slice(1)}` }],
    ['31 bytes', { ...json, x25519_public_key: Buffer.alloc(31).toString('base64') }],
    ['33 bytes', { ...json, x25519_public_key: Buffer.alloc(33).toString('base64') }],
    ['1183 bytes', { ...json, mlkem768_public_key: Buffer.alloc(1183).toString('base64') }],
    ['the halves exchanged', { suite, x25519_public_key: kem, mlkem768_public_key: x }],
    ['null', null],
    ['a list', [json]],
  ])('are refused with %s', (_, value) => {
    expect(codeOf(() => decodePublicKey(value))).toBe('malformed_value');
  });

  it('have the suite tag with an X, not the protocol name', () => {
    expect(PUBLIC_KEY_SUITE).toBe('Noise_hybridIK_X25519+MLKEM768_AESGCM_SHA256');
  });
});

describe.each(names)('the body %s', (name) => {
  const schema = schemas[name];
  const text = JSON.stringify(bodies[name]);

  it('is read as it was written', () => {
    expect(parseBody<unknown>(schema, text, name)).toEqual(bodies[name]);
  });

  it('may hold top-level fields that we do not know', () => {
    expect(parseBody<unknown>(schema, JSON.stringify({ ...bodies[name], later: 1 }), name)).toEqual(bodies[name]);
  });

  it('is refused without any one of its fields', () => {
    for (const field of Object.keys(bodies[name])) {
      const { [field]: _, ...rest } = bodies[name] as Record<string, unknown>;
      expect(codeOf(() => parseBody<unknown>(schema, JSON.stringify(rest), name))).toBe('malformed_value');
    }
  });

  it('meets 10,000 broken texts with nothing but WireErrors', () => {
    expectOnlyItsErrors(
      (bytes) => parseBody<unknown>(schema, Buffer.from(bytes).toString(), name),
      [Buffer.from(text)],
    );
  });
});

describe('bodies', () => {
  it.each<[string, object]>([
    ['an http URL', { url: 'https://relay.example.com' }],
    ['a text that is no URL', { url: 'relay' }],
    ['a blank registration id', { executor_registration_id: ' ' }],
    ['another profile', { security_profile: 'noise_hybrid_ik_v2' }],
    ['an empty authorization', { harness_key_authorization: '' }],
    ['an authorization of 4097 bytes', { harness_key_authorization: `${'ü'.repeat(MAX_AUTHORIZATION_BYTES / 2)}a` }],
  ])('of connect are refused with %s', (_, change) => {
    const text = JSON.stringify({ ...bodies.connectResponse, ...change });
    expect(codeOf(() => parseBody(connectResponse, text, 'connect'))).toBe('malformed_value');
  });

  it('over 64 KiB are refused unread', () => {
    const text = `{"valid":true,"more":"${'a'.repeat(MAX_REGISTRY_BODY_BYTES)}"}`;
    expect(codeOf(() => parseBody(validateResponse, text, 'validate'))).toBe('too_large');
  });

  it('say which fields are wrong, and nothing of what they hold', () => {
    const text = JSON.stringify({ ...bodies.connectResponse, url: 'sesame', environment_id: 1 });
    expect(() => parseBody(connectResponse, text, 'connect')).toThrow('connect: wrong or missing: environment_id, url');
  });
});

describe('error bodies', () => {
  it('are read where there are any', () => {
    expect(parseErrorBody(JSON.stringify(bodies.errorBody))).toEqual(bodies.errorBody.error);
  });

  it.each(['', 'a b', 'a\nb', 'x'.repeat(65), 'eyJhbGciOiJFZERTQSJ9/x', 'Ü'])(
    'have no code %j, which is no word',
    (code) => {
      expect(parseErrorBody(JSON.stringify({ error: { code, message: 'm' } }))).toBeUndefined();
    },
  );

  it('have a message that a terminal shows and does not obey', () => {
    const message = `\u001b[2Jgone\r\nuser\u202e${'x'.repeat(1000)}`;
    const read = parseErrorBody(JSON.stringify({ error: { code: 'c', message } }))?.message;
    expect(read).toMatch(/^ \[2Jgone user x+$/);
    expect(read?.length).toBe(500);
  });

  it('are done without where there are none', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(parseErrorBody(text)).toBeUndefined();
      }),
    );
  });
});

it('paths are those of the contract', () => {
  expect(registryPath(parseEnvironmentId('team-a_build'), 'connect')).toBe('/cloud/environment/team-a_build/connect');
});
