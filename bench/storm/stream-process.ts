import { once } from 'node:events';
import { Harness } from '../../src/harness/index.ts';
import type { EnvironmentId } from '../../src/wire/index.ts';

/** What the row tells this process, over the pipe between them: a token is among it. */
export interface StreamOrder {
  readonly environmentId: EnvironmentId;
  readonly registryUrl: string;
  readonly token: string;
  readonly bytes: number;
  readonly rounds: number;
}

const MIB = 1024 * 1024;

/** The client of row S4: reads what one command prints, a few times, and tells the rates in MiB/s. */
const [order] = (await once(process, 'message')) as [StreamOrder];
const { environmentId, registryUrl, token, bytes, rounds } = order;
const harness = await Harness.connect({ environmentId, registryUrl, credential: async () => token });
const rates: number[] = [];
// One more than asked for: the first finds compilers cold.
for (let round = 0; round <= rounds; round += 1) {
  const command = await harness.exec({ argv: ['head', '-c', String(bytes), '/dev/zero'] });
  command.stderr.resume();
  const startedAt = performance.now();
  let got = 0;
  for await (const chunk of command.stdout) got += chunk.length;
  if (got !== bytes) throw new Error(`${got} of ${bytes} bytes came`);
  if (round > 0) rates.push(bytes / MIB / ((performance.now() - startedAt) / 1_000));
}
harness.close();
process.send?.(rates, () => process.exit(0));
