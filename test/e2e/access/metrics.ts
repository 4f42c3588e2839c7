import type { Kubectl } from '../kubectl.ts';

/** One line of the Prometheus text format. */
const LINE = /^(\w+)(?:\{(.*)\})? ([0-9.e+-]+)$/;

/** The sum of all samples of a metric whose labels hold all of these. */
export function sumOf(text: string, name: string, labels: Readonly<Record<string, string>> = {}): number {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  return text
    .split('\n')
    .map((line) => LINE.exec(line))
    .filter((match) => match?.[1] === name && wanted.every((label) => match[2]?.includes(label)))
    .reduce((sum, match) => sum + Number(match?.[3]), 0);
}

/** TokenReviews that the API server was asked for since it started, by whomever. */
export async function reviewsOfApiServer(kubectl: Kubectl): Promise<number> {
  return sumOf(await kubectl.run(['get', '--raw', '/metrics']), 'apiserver_request_total', {
    resource: 'tokenreviews',
  });
}

/** The metrics of the one pod that a selector finds, through the API server. */
export async function metricsOf(kubectl: Kubectl, namespace: string, selector: string): Promise<string> {
  const pod = (await kubectl.run(['get', 'pods', '-l', selector, '-o', 'jsonpath={.items[0].metadata.name}'])).trim();
  return kubectl.run(['get', '--raw', `/api/v1/namespaces/${namespace}/pods/${pod}:9080/proxy/metrics`]);
}
