import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { defaultCrypto } from './default-crypto.ts';
import { nodeHasKem } from './node-crypto.ts';

const room = fileURLToPath(new URL('../index.ts', import.meta.url));
const run = (program: string) =>
  execFileSync(process.execPath, ['--input-type=module', '--eval', program], { encoding: 'utf8' }).trim();

it('is native where Node has ML-KEM', () => {
  expect(nodeHasKem()).toBe(true);
  expect(defaultCrypto().name).toBe('node:crypto');
});

it('is noble where Node has none, and a handshake key can still be made', () => {
  const withoutKem = "import crypto from 'node:crypto'; crypto.encapsulate = undefined;";

  const made = run(`${withoutKem} const n = await import(${JSON.stringify(room)});
    console.log(n.defaultCrypto().name, n.generateKeypair().publicKey.mlkem768.length);`);

  expect(made).toBe('noble 1184');
});

it('does not load noble where it is not needed', () => {
  const loaded = run(`import { registerHooks } from 'node:module';
    const urls = []; registerHooks({ resolve(s, c, next) { const r = next(s, c); urls.push(r.url); return r; } });
    await import(${JSON.stringify(room)}); console.log(urls.filter((url) => url.includes('noble')).length, urls.length > 5);`);

  expect(loaded).toBe('0 true');
});
