export { listenOnHttp } from '../memory/http-listener.ts';
export { MemoryApiServer } from '../memory/memory-api-server.ts';
