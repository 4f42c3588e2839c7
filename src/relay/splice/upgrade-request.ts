import type { IncomingMessage } from 'node:http';
import { HOP_HEADER } from '../../wire/index.ts';

/**
 * The upgrade request as it came, with the hop header; for another relay to answer. Node's parser took it apart, so no header can hold a
 * line break.
 */
export function passedOn({ method = 'GET', url = '/', rawHeaders }: IncomingMessage): string {
  const lines = [`${method} ${url} HTTP/1.1`];
  for (let at = 0; at < rawHeaders.length; at += 2) lines.push(`${rawHeaders[at]}: ${rawHeaders[at + 1]}`);
  return `${[...lines, `${HOP_HEADER}: 1`].join('\r\n')}\r\n\r\n`;
}

/** True for a request that a relay has passed on already, or that is meant for this one and no other. */
export function wasPassedOn({ headers }: IncomingMessage): boolean {
  return headers[HOP_HEADER] !== undefined;
}
