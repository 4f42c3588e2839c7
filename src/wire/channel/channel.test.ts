import { readFileSync } from 'node:fs';
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CipherState, type CryptoProvider, generateKeypair, type Keypair, nodeCrypto } from '../../noise/index.ts';
import { REGISTRY_AUTHENTICATION_REJECTED } from '../codes.ts';
import { encodeDataFrame } from '../envelope/data-frame.ts';
import { parseRegistrationId, parseStreamId } from '../ids.ts';
import { MAX_AUTHORIZATION_BYTES, MAX_RECORD_PLAINTEXT } from '../limits.ts';
import { BINDING, connectedChannels, dataOf, handshakePayload, newKeys } from '../testing/channels.ts';
import { codeOf } from '../testing/code-of.ts';
import { brokenBytes, MUTATIONS } from '../testing/mutations.ts';
import { acceptChannel, SecureChannel, startChannel } from './channel.ts';
import { channelPrologue } from './prologue.ts';

interface VectorKey {
  x25519_secret: string;
  mlkem768_seed_d_z: string;
}

interface Vector {
  name: string;
  environment_id: string;
  executor_registration_id: string;
  stream_id: string;
  initiator_static: VectorKey;
  responder_static: VectorKey;
  initiator_ephemeral: VectorKey;
  responder_ephemeral: VectorKey;
  encapsulation_coins: { message1_skem_m: string; message2_ekem_m: string; message2_skem_m: string };
  prologue_hex: string;
  message1: { payload_hex: string; hex: string };
  message2: { hex: string };
  message2_registry_auth_rejected: { hex: string };
  key_initiator_to_responder: string;
  key_responder_to_initiator: string;
  transport: { direction: 'i2r' | 'r2i'; nonce_counter: number; plaintext_hex: string; ciphertext_hex: string }[];
}

const file = new URL('../../../test/vectors/hybrid-ik.json', import.meta.url);
const { vectors, framing } = JSON.parse(readFileSync(file, 'utf8')) as {
  vectors: Vector[];
  framing: { json_bytes: number; record_lengths: number[]; first_record_first_8_bytes_hex: string }[];
};
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const unhex = (text: string) => new Uint8Array(Buffer.from(text, 'hex'));

function keypairOf({ x25519_secret, mlkem768_seed_d_z }: VectorKey): Keypair {
  const x25519 = nodeCrypto.importDh(unhex(x25519_secret));
  const mlkem768 = nodeCrypto.importKem(unhex(mlkem768_seed_d_z));
  return { publicKey: { x25519: x25519.publicKey.bytes, mlkem768: mlkem768.publicKey.bytes }, x25519, mlkem768 };
}

/** The vector's ephemeral key, and its coins in the order of use. */
function cryptoOf(ephemeral: VectorKey, coins: string[]): CryptoProvider {
  const left = [...coins];
  return {
    ...nodeCrypto,
    generateDh: () => keypairOf(ephemeral).x25519,
    generateKem: () => keypairOf(ephemeral).mlkem768,
    importKemPublic: (bytes) => ({
      bytes,
      encapsulate: () => {
        const { cipherText, sharedSecret } = ml_kem768.encapsulate(bytes, unhex(left.shift() ?? ''));
        return { ciphertext: cipherText, sharedSecret };
      },
    }),
  };
}

function bindingOf({ environment_id, executor_registration_id, stream_id }: Vector) {
  return {
    environmentId: environment_id,
    registrationId: parseRegistrationId(executor_registration_id),
    streamId: parseStreamId(stream_id),
  };
}

describe.each(vectors)('the vector $name', (vector) => {
  const binding = bindingOf(vector);
  const coins = vector.encapsulation_coins;
  const harness = () =>
    startChannel({
      ...binding,
      keypair: keypairOf(vector.initiator_static),
      executorPublicKey: keypairOf(vector.responder_static).publicKey,
      authorization: Buffer.from(vector.message1.payload_hex, 'hex').toString(),
      crypto: cryptoOf(vector.initiator_ephemeral, [coins.message1_skem_m]),
    });
  const executor = () =>
    acceptChannel({
      ...binding,
      keypair: keypairOf(vector.responder_static),
      message1: unhex(vector.message1.hex),
      crypto: cryptoOf(vector.responder_ephemeral, [coins.message2_ekem_m, coins.message2_skem_m]),
    });

  it('has our prologue', () => {
    expect(hex(channelPrologue(binding))).toBe(vector.prologue_hex);
  });

  // Contract §2.3: an authorization has at least one byte, so an empty payload is refused before any message.
  const authorized = vector.message1.payload_hex !== '';

  it('has our message 1, or none without an authorization', () => {
    if (authorized) expect(hex(handshakePayload(harness().handshake))).toBe(vector.message1.hex);
    else expect(codeOf(harness)).toBe('bad_authorization');
  });

  it('has our two messages 2', () => {
    expect(executor().authorization).toBe(Buffer.from(vector.message1.payload_hex, 'hex').toString());
    expect(hex(executor().respond().message2)).toBe(vector.message2.hex);
    const rejected = executor().respond(Buffer.from(REGISTRY_AUTHENTICATION_REJECTED)).message2;
    expect(hex(rejected)).toBe(vector.message2_registry_auth_rejected.hex);
  });

  it('ends with its refusal when the credential was rejected', () => {
    const rejection = unhex(vector.message2_registry_auth_rejected.hex);
    const code = authorized ? 'registry_authentication_rejected' : 'bad_authorization';
    expect(codeOf(() => harness().finish(rejection))).toBe(code);
  });

  it('has our records, whatever their boundaries', () => {
    const aead = (key: string) => new CipherState(nodeCrypto.aead('AESGCM', unhex(key)));
    for (const direction of ['i2r', 'r2i'] as const) {
      const key = direction === 'i2r' ? vector.key_initiator_to_responder : vector.key_responder_to_initiator;
      const receive = aead(key);
      for (const { plaintext_hex, ciphertext_hex } of vector.transport.filter(
        (record) => record.direction === direction,
      )) {
        expect(hex(receive.open(unhex(ciphertext_hex)))).toBe(plaintext_hex);
      }
    }
  });
});

describe('framed messages of the vectors', () => {
  const [basic] = vectors;

  it('come out of the records of a channel, and go into the same', () => {
    if (!basic) throw new Error('no vectors');
    const { key_initiator_to_responder: key, transport, stream_id } = basic;
    const states = () => ({
      send: new CipherState(nodeCrypto.aead('AESGCM', unhex(key))),
      receive: new CipherState(nodeCrypto.aead('AESGCM', unhex(key))),
    });
    const channel = new SecureChannel(parseStreamId(stream_id), states());
    const records = transport.filter(({ direction }) => direction === 'i2r');
    const messages = records.flatMap(({ ciphertext_hex }, seq) =>
      channel.receive({ seq, payload: unhex(ciphertext_hex) }),
    );
    const stream = Buffer.concat(records.map(({ plaintext_hex }) => unhex(plaintext_hex)));
    const framed = messages.map((message) => Buffer.concat([uint32(message.length), message]));
    expect(messages.length).toBeGreaterThan(0);
    expect(hex(Buffer.concat(framed))).toBe(hex(stream));

    const first = messages[0] ?? Buffer.of();
    const sealed = [...new SecureChannel(parseStreamId(stream_id), states()).seal(first)].map(dataOf);
    expect(hex(sealed[0]?.payload ?? Buffer.of())).toBe(records[0]?.ciphertext_hex);
  });

  it.each(framing)('a message of $json_bytes bytes is cut as the vector says', (example) => {
    const { harness } = connectedChannels();
    const records = [...harness.seal(Buffer.alloc(example.json_bytes))].map(dataOf);
    expect(records.map(({ payload }) => payload.length - 16)).toEqual(example.record_lengths);
    expect(example.first_record_first_8_bytes_hex.slice(0, 8)).toBe(hex(uint32(example.json_bytes)));
  });
});

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

describe('the handshake', () => {
  const keys = newKeys();
  const start = (change: Partial<Parameters<typeof startChannel>[0]> = {}) =>
    startChannel({
      ...BINDING,
      keypair: keys.harness,
      executorPublicKey: keys.executor.publicKey,
      authorization: 'granted',
      ...change,
    });
  const accept = (frame: Uint8Array) =>
    acceptChannel({ ...BINDING, keypair: keys.executor, message1: handshakePayload(frame) });

  it('shows the executor the key and the authorization before it answers', () => {
    const accepted = accept(start().handshake);
    expect(accepted.authorization).toBe('granted');
    expect(hex(accepted.harnessKey.x25519)).toBe(hex(keys.harness.publicKey.x25519));
    expect(hex(accepted.harnessKey.mlkem768)).toBe(hex(keys.harness.publicKey.mlkem768));
  });

  it.each<[string, Partial<Parameters<typeof startChannel>[0]>]>([
    ['environment', { environmentId: 'team-a_other' }],
    ['registration', { registrationId: parseRegistrationId('registration-2') }],
    ['stream', { streamId: parseStreamId('another') }],
    ['executor key', { executorPublicKey: generateKeypair().publicKey }],
  ])('fails for another %s', (_, change) => {
    expect(codeOf(() => accept(start(change).handshake))).toBe('bad_message_1');
  });

  it('takes an authorization of 4096 bytes and refuses one more, on both sides', () => {
    const longest = 'a'.repeat(MAX_AUTHORIZATION_BYTES);
    expect(accept(start({ authorization: longest }).handshake).authorization).toBe(longest);
    expect(codeOf(() => start({ authorization: `${longest}a` }))).toBe('bad_authorization');
    expect(codeOf(() => start({ authorization: '' }))).toBe('bad_authorization');
  });

  it('fails for a message 2 with any other payload', () => {
    const { handshake, finish } = start();
    const { message2 } = accept(handshake).respond(Buffer.from('codex-registry-authentication-rejected/v2'));
    expect(codeOf(() => finish(message2))).toBe('bad_message_2');
  });

  it('ends with a forged message 2', () => {
    const { handshake, finish } = start();
    const { message2 } = accept(handshake).respond();
    expect(codeOf(() => finish(message2.map((byte, index) => (index === 2000 ? byte ^ 1 : byte))))).toBe(
      'bad_message_2',
    );
    expect(codeOf(() => finish(message2))).toBe('bad_message_2');
  });
});

describe('messages through a channel', () => {
  it('arrive as they were sent, in both directions, whatever their lengths', () => {
    const channels = connectedChannels();
    const message = fc.oneof(
      { weight: 9, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 300 }) },
      { weight: 1, arbitrary: fc.integer({ min: 61_400, max: 200_000 }).map((length) => Buffer.alloc(length, 5)) },
    );
    fc.assert(
      fc.property(fc.array(message, { maxLength: 4 }), fc.boolean(), (messages, fromHarness) => {
        const [from, to] = fromHarness ? [channels.harness, channels.executor] : [channels.executor, channels.harness];
        const arrived = messages.flatMap((sent) => [...from.seal(sent)].flatMap((frame) => to.receive(dataOf(frame))));
        expect(arrived.map(hex)).toEqual(messages.map(hex));
      }),
    );
  });

  it('of several megabytes arrive whole', () => {
    const { harness, executor } = connectedChannels();
    const sent = Buffer.alloc(3 * 1024 * 1024 + 17, 'every record is another one. ');
    const [arrived] = [...harness.seal(sent)].flatMap((frame) => executor.receive(dataOf(frame)));
    expect(sent.equals(arrived ?? Buffer.of())).toBe(true);
  });

  it('are sealed only as they are asked for, and never into another one', () => {
    const { harness } = connectedChannels();
    const frames = harness.seal(Buffer.alloc(64 * 1024 * 1024))[Symbol.iterator]();
    expect(codeOf(() => harness.seal(Buffer.of(1)))).toBe('interleaved');
    expect(dataOf(frames.next().value ?? Buffer.of()).payload).toHaveLength(MAX_RECORD_PLAINTEXT + 16);
  });

  it('of 0 bytes or over 64 MiB are refused', () => {
    const { harness } = connectedChannels();
    expect(codeOf(() => harness.seal(Buffer.alloc(0)))).toBe('bad_length_prefix');
    expect(codeOf(() => harness.seal(Buffer.alloc(64 * 1024 * 1024 + 1)))).toBe('bad_length_prefix');
  });
});

/** The harness's sealing half apart, so that a test can make records of any plaintext. */
function rawSender() {
  const key = new Uint8Array(32).fill(7);
  const cipher = () => new CipherState(nodeCrypto.aead('AESGCM', key));
  const [send, channel] = [cipher(), new SecureChannel(BINDING.streamId, { send: cipher(), receive: cipher() })];
  const record = (plaintext: Uint8Array) => Buffer.concat(send.seal(plaintext));
  return { channel, record };
}

const framed = (text: string) => Buffer.concat([uint32(text.length), Buffer.from(text)]);

describe('records', () => {
  it('may be of one byte, empty, or hold several messages', () => {
    const { channel, record } = rawSender();
    const stream = Buffer.concat([framed('ab'), framed('c'), framed('def')]);
    const pieces = [...stream.subarray(0, 7)].map((byte) => Uint8Array.of(byte));
    const records = [...pieces, new Uint8Array(0), stream.subarray(7)].map(record);
    const messages = records.flatMap((payload, seq) => channel.receive({ seq, payload }));
    expect(messages.map((message) => Buffer.from(message).toString())).toEqual(['ab', 'c', 'def']);
  });

  it('come in any order within the window, twice or late', () => {
    const order = fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7], { minLength: 8 });
    fc.assert(
      fc.property(order, fc.array(fc.nat(7)), (first, repeated) => {
        const { channel, record } = rawSender();
        const records = Array.from({ length: 8 }, (_, index) => record(framed(String(index))));
        const messages = [...first, ...repeated].flatMap((seq) =>
          channel.receive({ seq, payload: records[seq] ?? Buffer.of() }),
        );
        expect(Buffer.concat(messages).toString()).toBe('01234567');
      }),
    );
  });

  it('that come twice count as the first copy, also while that waits', () => {
    const { channel, record } = rawSender();
    const [first, second] = [record(framed('a')), record(framed('b'))];
    expect(channel.receive({ seq: 1, payload: second })).toEqual([]);
    expect(channel.receive({ seq: 1, payload: Buffer.alloc(40) })).toEqual([]);
    expect(Buffer.concat(channel.receive({ seq: 0, payload: first })).toString()).toBe('ab');
  });

  it('may run 64 ahead and not 65', () => {
    const { channel, record } = rawSender();
    const payload = record(framed('a'));
    expect(channel.receive({ seq: 64, payload })).toEqual([]);
    expect(codeOf(() => channel.receive({ seq: 65, payload }))).toBe('reorder_window');
    expect(codeOf(() => channel.receive({ seq: 0, payload }))).toBe('closed');
  });

  it('may wait for a gap with 1 MiB and not more', () => {
    const { channel } = rawSender();
    const payload = Buffer.alloc(61_456);
    for (let seq = 1; seq <= 17; seq += 1) expect(channel.receive({ seq, payload })).toEqual([]);
    expect(codeOf(() => channel.receive({ seq: 18, payload }))).toBe('reorder_window');
  });

  it('that claim 0 bytes or over 64 MiB end the channel', () => {
    for (const length of [0, 64 * 1024 * 1024 + 1, 0xffff_ffff]) {
      const { channel, record } = rawSender();
      expect(codeOf(() => channel.receive({ seq: 0, payload: record(uint32(length)) }))).toBe('bad_length_prefix');
      expect(channel.closed).toBe(true);
    }
  });

  it('that are truncated, over-long or forged end the channel for good', () => {
    const { record } = rawSender();
    const good = record(framed('{}'));
    const broken = [good.subarray(0, -1), good.subarray(0, 3), Buffer.alloc(61_457), good.map((byte) => byte ^ 1)];
    for (const payload of broken) {
      const { channel } = rawSender();
      expect(codeOf(() => channel.receive({ seq: 0, payload }))).toBe('bad_record');
      expect(codeOf(() => channel.receive({ seq: 0, payload: good }))).toBe('closed');
      expect(codeOf(() => channel.seal(Buffer.of(1)))).toBe('closed');
    }
  });

  it('change by any byte and never open, 10,000 times', () => {
    const { record } = rawSender();
    const good = record(framed('{"id":1,"method":"environment/info"}'));
    fc.assert(
      fc.property(brokenBytes([good]), (payload) => {
        const { channel } = rawSender();
        if (good.equals(payload)) return;
        expect(codeOf(() => channel.receive({ seq: 0, payload }))).toBe('bad_record');
      }),
      { numRuns: MUTATIONS },
    );
  });
});

it('a frame that was cut into the middle of another message is no message', () => {
  const { harness, executor } = connectedChannels();
  const frames = [...harness.seal(Buffer.alloc(130_000, 1))].map(dataOf);
  const [first, , third] = frames;
  if (!first || !third) throw new Error('three records were expected');
  expect(executor.receive(first)).toEqual([]);
  const forged = dataOf(encodeDataFrame(BINDING.streamId, 1, [third.payload]));
  expect(codeOf(() => executor.receive(forged))).toBe('bad_record');
});
