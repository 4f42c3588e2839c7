import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../telemetry/index.ts';
import { connectToCluster } from './cluster.ts';
import { KubeconfigError, readKubeconfig } from './kubeconfig.ts';

describe('readKubeconfig', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kubeconfig-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  async function kubeconfig(user: string, cluster = 'server: https://api.invalid:6443'): Promise<string> {
    const path = join(folder, 'config');
    const contexts = '- {name: one, context: {cluster: c, user: u, namespace: team-a}}';
    await writeFile(
      path,
      `apiVersion: v1\nkind: Config\ncurrent-context: one\ncontexts:\n${contexts}\nclusters:\n- name: c\n  cluster: {${cluster}}\nusers:\n- name: u\n  user: {${user}}\n`,
    );
    return path;
  }

  it('reads a token file anew each time, without its newline', async () => {
    const tokenFile = join(folder, 'token');
    await writeFile(tokenFile, 'first\n');
    const path = await kubeconfig(`auth-provider: {name: tokenFile, config: {tokenFile: "${tokenFile}"}}`);
    const { source, namespace, server } = await readKubeconfig({ kubeconfig: path });
    const before = await source({ afterRefusal: false });
    await writeFile(tokenFile, 'second\n');
    const after = await source({ afterRefusal: false });

    expect({ namespace, server }).toEqual({ namespace: 'team-a', server: 'https://api.invalid:6443' });
    expect([before.headers.authorization, after.headers.authorization]).toEqual(['Bearer first', 'Bearer second']);
  });

  it('hands over the CA and a token given by hand, without the client certificate', async () => {
    const ca = Buffer.from('the CA').toString('base64');
    const path = await kubeconfig(
      'client-certificate-data: Y2VydA==, client-key-data: a2V5',
      `server: https://api.invalid, certificate-authority-data: ${ca}`,
    );
    const { source } = await readKubeconfig({ kubeconfig: path, token: 'mine' });
    const { headers, tls } = await source({ afterRefusal: false });

    expect(headers).toEqual({ authorization: 'Bearer mine' });
    expect([String(tls.ca), tls.cert, tls.key]).toEqual(['the CA', undefined, undefined]);
  });

  it.each([
    ['unreadable', { kubeconfig: '/nowhere/at/all' }],
    ['unknown_name', { context: 'two' }],
    ['unknown_name', { user: 'nobody' }],
  ])('says %s', async (code, options) => {
    const path = await kubeconfig('token: t');
    const call = connectToCluster({ kubeconfig: path, clock: systemClock, ...options });

    await expect(call).rejects.toMatchObject({ name: KubeconfigError.name, code });
  });

  it('names what there is when a name is not there', async () => {
    const path = await kubeconfig('token: t');

    await expect(readKubeconfig({ kubeconfig: path, context: 'onw' })).rejects.toMatchObject({
      unknown: { asked: 'onw', known: ['one'] },
    });
  });

  describe('of several files', () => {
    let before: string | undefined;
    beforeEach(() => {
      before = process.env.KUBECONFIG;
    });
    afterEach(() => {
      if (before === undefined) delete process.env.KUBECONFIG;
      else process.env.KUBECONFIG = before;
    });

    async function file(name: string, current: string, server: string, token: string): Promise<string> {
      const path = join(folder, name);
      const contexts = `- {name: shared, context: {cluster: c, user: u}}\n- {name: ${name}, context: {cluster: ${name}, user: u}}`;
      const clusters = `- {name: c, cluster: {server: "${server}"}}\n- {name: ${name}, cluster: {server: "${server}/${name}"}}`;
      const users = `- {name: u, user: {token: ${token}}}`;
      const text = `current-context: ${current}\ncontexts:\n${contexts}\nclusters:\n${clusters}\nusers:\n${users}\n`;
      await writeFile(path, text);
      return path;
    }

    it('takes the first entry of a name and the first current context, as kubectl does', async () => {
      const files = [await file('a', 'shared', 'https://a', '1'), await file('b', 'b', 'https://b', '2')];
      process.env.KUBECONFIG = ['/nowhere', ...files].join(delimiter);
      const first = await readKubeconfig({});
      const second = await readKubeconfig({ context: 'b' });

      expect([first.server, second.server]).toEqual(['https://a', 'https://b/b']);
      expect((await second.source({ afterRefusal: false })).headers.authorization).toBe('Bearer 1');
    });

    it('says so when none of them is there', async () => {
      process.env.KUBECONFIG = ['/nowhere', '/neither'].join(delimiter);

      await expect(readKubeconfig({})).rejects.toMatchObject({ code: 'unreadable' });
    });

    it('yields to a file that is named', async () => {
      process.env.KUBECONFIG = await file('a', 'a', 'https://a', '1');
      const { server } = await readKubeconfig({ kubeconfig: await file('b', 'b', 'https://b', '2') });

      expect(server).toBe('https://b/b');
    });
  });

  it('refuses to send credentials without TLS', async () => {
    const path = await kubeconfig('token: t', 'server: http://api.invalid');

    await expect(readKubeconfig({ kubeconfig: path })).rejects.toMatchObject({ code: 'insecure' });
  });
});
