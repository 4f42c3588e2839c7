/** Host and port of a URL, for a raw connection. */
export function addressOf(url: string | undefined): { host: string; port: number } {
  const { hostname, port } = new URL(url ?? '');
  return { host: hostname, port: Number(port) };
}
