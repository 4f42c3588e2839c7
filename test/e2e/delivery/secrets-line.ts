import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, createServer, request, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { places } from '../../cluster/places.ts';
import { clusterCommand } from '../cluster-fixture.ts';

/** Of this machine on the bridge of the nodes, and of the API server. */
const [HERE, API_SERVER] = ['172.30.77.254', '172.30.77.1'] as const;
const API_PORT = 6443;

/**
 * The way of a node's kubelet to its API server, on which word of one Secret can be held back: the kubelet then mounts what it knew of it, for pods that it starts
 * meanwhile too. It speaks HTTP/1.1, so that each watch has a connection of its own; everything else goes through as it comes.
 */
export class SecretsLine {
  readonly #node: string;
  readonly #kubeconfig: string;
  readonly #original: string;
  readonly #agent: Agent;
  readonly #server: Server;
  /** Answers to watches of a Secret that are open, by their path. */
  readonly #watches = new Map<IncomingMessage, string>();
  #held: string | undefined;

  private constructor(node: string) {
    const pki = (file: string) => join(places().state, 'pki', file);
    const bytes = (file: string) => readFileSync(pki(file));
    this.#node = node;
    this.#kubeconfig = pki(`${node}.conf`);
    this.#original = readFileSync(this.#kubeconfig, 'utf8');
    const identity = { cert: bytes(`${node}.crt`), key: bytes(`${node}.key`), ca: bytes('ca.crt') };
    this.#agent = new Agent({ keepAlive: true, ...identity });
    const serving = { cert: bytes('apiserver.crt'), key: bytes('apiserver.key'), ALPNProtocols: ['http/1.1'] };
    this.#server = createServer(serving, (asked, answer) => this.#carry(asked, answer));
  }

  /** Resolves when the kubelet was started again, on this line. */
  static async lay(node: string): Promise<SecretsLine> {
    const line = new SecretsLine(node);
    line.#server.listen(0, HERE);
    await once(line.#server, 'listening');
    const { port } = line.#server.address() as AddressInfo;
    const server = `server: "https://${HERE}:${port}", tls-server-name: "${API_SERVER}"`;
    await line.#restart(line.#original.replace(/server: "[^"]+"/, server));
    return line;
  }

  /** From now on nothing is heard of the Secret of this name. */
  hold(name: string): void {
    this.#held = name;
    for (const [watch, path] of this.#watches) if (this.#isHeld(path)) watch.pause();
  }

  /** All that was held back, and what comes. */
  tell(): void {
    this.#held = undefined;
    for (const watch of this.#watches.keys()) watch.resume();
  }

  /** The kubelet has its own way again. */
  async close(): Promise<void> {
    this.tell();
    await this.#restart(this.#original);
    this.#server.close();
    this.#server.closeAllConnections();
    this.#agent.destroy();
  }

  async #restart(kubeconfig: string): Promise<void> {
    writeFileSync(this.#kubeconfig, kubeconfig);
    await clusterCommand('daemon', 'restart', 'kubelet', this.#node);
  }

  #carry(asked: IncomingMessage, answer: ServerResponse): void {
    const { method, url: path = '/', headers } = asked;
    const sent = request({ host: API_SERVER, port: API_PORT, method, path, headers, agent: this.#agent });
    sent.on('response', (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      answer.flushHeaders();
      response.on('data', (chunk) => answer.write(chunk));
      response.on('end', () => answer.end());
      response.on('close', () => this.#watches.delete(response));
      if (!isWatchOfSecret(path)) return;
      this.#watches.set(response, path);
      if (this.#isHeld(path)) response.pause();
    });
    sent.on('error', () => answer.destroy());
    answer.on('close', () => sent.destroy());
    asked.pipe(sent);
  }

  #isHeld(path: string): boolean {
    return this.#held !== undefined && decodeURIComponent(path).includes(`metadata.name=${this.#held}&`);
  }
}

function isWatchOfSecret(path: string): boolean {
  return path.includes('/secrets?') && path.includes('watch=true');
}
