export { type HttpListener, listenOnHttp } from '../memory/http-listener.ts';
export { type CannedAnswer, type Interceptor, MemoryApiServer } from '../memory/memory-api-server.ts';
export { ManualClock, settle } from './manual-clock.ts';
