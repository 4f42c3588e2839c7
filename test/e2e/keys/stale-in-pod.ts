/**
 * Runs in a client Pod, bundled: a harness that keeps the executor's public key that it was given, and after a line on standard input tries to
 * use it again. Node trusts the Relay's authority by NODE_EXTRA_CA_CERTS. Prints a line of JSON for each of the two.
 */
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { generateKeypair } from '../../../src/noise/index.ts';
import { decodePublicKey, parseEnvironmentId } from '../../../src/wire/index.ts';
import { RawHarness } from '../../data-plane/raw-harness.ts';

const [registryUrl = '', environment = ''] = process.argv.slice(2);
const environmentId = parseEnvironmentId(environment);
const options = async () => ({ registryUrl, environmentId, token: (await readFile('/token/token', 'utf8')).trim() });

/** How a handshake under this key of the executor ends. */
async function attempt(old: RawHarness['bundle'] | undefined): Promise<string> {
  const harness = await RawHarness.knock({ ...(await options()), keypair: generateKeypair() });
  try {
    await harness.shakeHands(old && { executorPublicKey: decodePublicKey(old.executor_public_key) });
    kept ??= harness.bundle;
    return 'accepted';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    harness.vanish();
  }
}

let kept: RawHarness['bundle'] | undefined;
process.stdout.write(`${JSON.stringify({ first: await attempt(undefined) })}\n`);
for await (const _ of createInterface({ input: process.stdin })) {
  process.stdout.write(
    `${JSON.stringify({ withOldKey: await attempt(kept), withNewKey: await attempt(undefined) })}\n`,
  );
  process.exit(0);
}
