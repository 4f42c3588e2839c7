import { startRelay } from '../../src/relay/index.ts';
import { createLogger } from '../../src/telemetry/index.ts';

/** The relay under test, in a process that the row pins to one core. Arguments: the registry's URL and its presence secret. */
const [registryUrl = '', secret = ''] = process.argv.slice(2);
const relay = await startRelay({
  host: '127.0.0.1',
  port: 0,
  registryUrls: [registryUrl],
  presenceSecret: () => Promise.resolve(secret),
  logger: createLogger({ component: 'relay', level: 'warn' }),
});
process.stdout.write(`${JSON.stringify({ url: relay.url, bootId: relay.bootId })}\n`);
