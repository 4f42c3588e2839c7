import { systemClock } from '../../telemetry/index.ts';
import { CachedCredentials } from '../client/credentials.ts';
import { RestApi } from '../client/rest-api.ts';
import { UndiciTransport } from '../client/undici-transport.ts';
import { describeObjectApi } from '../testing/conformance/object-api.ts';
import { listenOnHttp } from './http-listener.ts';
import { MemoryApiServer } from './memory-api-server.ts';

describeObjectApi('in memory', async () => {
  const server = new MemoryApiServer({ clock: systemClock });
  return { api: server.api(), close: () => server.close() };
});

describeObjectApi('in memory, over HTTP', async () => {
  const server = new MemoryApiServer({ clock: systemClock });
  const listener = await listenOnHttp(server);
  const credentials = new CachedCredentials(async () => ({ headers: {}, tls: {} }), systemClock);
  const transport = new UndiciTransport({ server: listener.url, credentials, userAgent: 'conformance' });
  return {
    api: new RestApi({ transport, clock: systemClock }),
    async close() {
      await transport.close();
      await listener.close();
    },
  };
});
