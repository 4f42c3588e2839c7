import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { generateKeyPair, SignJWT } from 'jose';
import type { Bao } from './bao.ts';

const NAMESPACE = 'noisefleet';
const NAME = 'noisefleet-operator';

/** As much of an API server as Vault's Kubernetes auth asks: it reviews the tokens that it made itself. */
export class ServiceAccounts {
  readonly tokenFile: string;
  readonly #server: Server;
  readonly #valid = new Set<string>();

  private constructor(tokenFile: string, server: Server) {
    this.tokenFile = tokenFile;
    this.#server = server;
    server.on('request', async (request, response) => {
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part);
      const { spec } = JSON.parse(Buffer.concat(parts).toString());
      const authenticated = this.#valid.has(spec.token);
      const user = { username: `system:serviceaccount:${NAMESPACE}:${NAME}`, uid: 'uid-of-the-operator', groups: [] };
      const status = authenticated ? { authenticated, user, audiences: spec.audiences } : { authenticated };
      response.writeHead(201, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', status }));
    });
  }

  /** Makes OpenBao ask it, and a role `noisefleet` with the policy `noisefleet`, whose tokens live for `life` seconds. */
  static async connect(bao: Bao, life: number): Promise<ServiceAccounts> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    await bao.must('POST', 'auth/kubernetes/config', {
      kubernetes_host: `http://127.0.0.1:${port}`,
      kubernetes_ca_cert: bao.ca,
      disable_local_ca_jwt: true,
    });
    const accounts = new ServiceAccounts(join(bao.folder, 'service-account-token'), server);
    await accounts.setLife(bao, life);
    await accounts.renewToken();
    return accounts;
  }

  async setLife(bao: Bao, life: number, mostRenewals = 1000): Promise<void> {
    await bao.must('POST', 'auth/kubernetes/role/noisefleet', {
      bound_service_account_names: NAME,
      bound_service_account_namespaces: NAMESPACE,
      audience: 'vault',
      token_policies: 'noisefleet',
      token_no_default_policy: true,
      token_ttl: life,
      token_max_ttl: life * mostRenewals,
    });
  }

  /** As the kubelet does: the file has another token, and the one before is taken no more. */
  async renewToken(): Promise<void> {
    const { privateKey } = await generateKeyPair('ES256');
    const serviceaccount = { name: NAME, uid: 'uid-of-the-operator' };
    const token = await new SignJWT({ 'kubernetes.io': { namespace: NAMESPACE, serviceaccount } })
      .setProtectedHeader({ alg: 'ES256' })
      .setSubject(`system:serviceaccount:${NAMESPACE}:${NAME}`)
      .setAudience(['vault'])
      .setIssuedAt()
      .setExpirationTime('1h')
      .sign(privateKey);
    this.#valid.clear();
    this.#valid.add(token);
    writeFileSync(this.tokenFile, token, { mode: 0o600 });
  }

  /** A file for a secret of another kind, beside the token. */
  writeFile(secret: string): string {
    const path = `${this.tokenFile}.other`;
    writeFileSync(path, secret, { mode: 0o600 });
    return path;
  }

  refuseAll(): void {
    this.#valid.clear();
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
