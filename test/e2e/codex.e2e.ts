import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { newestCodex } from '../interop/codex.ts';
import { codexConfig } from '../interop/codex-config.ts';
import { finished, noisefleetProgram } from '../interop/fleet.ts';
import { cleanEnvironment, giveAway, makeFolder, onAnotherHost, scratchFolder } from '../interop/user.ts';
import { useAgents } from './agents-namespace.ts';
import { clientPod, connectionFlags, OUR_PROGRAM, relayAddress } from './client-pod.ts';
import { cluster } from './cluster-fixture.ts';
import { bundledTurn } from './codex/bundled-turn.ts';
import { developerKubeconfig } from './codex/developer.ts';
import { EXTERNAL, frontDoors } from './codex/front-doors.ts';
import { startModel, wholeTurn } from './codex/turn.ts';
import { IMAGES, loadCodexImage, loadGlibcImage, MARKER } from './images/images.ts';
import { Kubectl } from './kubectl.ts';

/** Building and loading an image with Codex on a busy machine. Milliseconds. */
const SET_UP_LIMIT_MS = 300_000;
/** A whole turn of Codex there. Seconds. */
const TURN_SECONDS = 150;

/** Who commands run as when the template does not say. */
const WORKSPACE_USER = 10_001;

const shown = z.strictObject({
  code: z.number().nullable(),
  outputs: z.array(z.string()),
  stdout: z.string(),
  stderr: z.string(),
});

describe('a real, unmodified codex exec with its default sandbox setting', () => {
  const { name: namespace, kubectl } = useAgents('codex', { external: EXTERNAL });
  const environment = `${namespace}/build`;
  /** The same path on both sides (contract §10); of this run alone, since on the developer's side it is on this machine. */
  const workspace = `/tmp/${namespace}`;
  const scratch = scratchFolder();
  let host: string;

  beforeAll(async () => {
    mkdirSync(workspace);
    await loadGlibcImage();
    await kubectl.apply({
      apiVersion: 'noisefleet.dev/v1alpha1',
      kind: 'Executor',
      metadata: { name: 'build' },
      spec: {
        relayRef: { name: 'main' },
        template: { spec: { containers: [{ name: 'workspace', image: IMAGES.glibc }] } },
        workspace: { type: 'Ephemeral', path: workspace },
      },
    });
    await loadCodexImage();
    await kubectl.wait('relay/main', 'condition=Ready', 120);
    await kubectl.wait('executor/build', 'condition=Ready', 120);
    host = await kubectl.run(['get', 'executor', 'build', '-o', 'jsonpath={.status.pod.name}']);
  }, SET_UP_LIMIT_MS);
  afterAll(() => {
    scratch.remove();
    rmSync(workspace, { recursive: true, force: true });
  });

  const expectWholeTurn = (outputs: readonly string[]) => {
    const there = { image: 'glibc', host, uid: WORKSPACE_USER, workspace };
    expect(outputs).toEqual(wholeTurn(there).map((each) => expect.stringMatching(each)));
  };
  const codexExec = (binary: string) => [binary, 'exec', '--skip-git-repo-check', '--json', 'go'];

  it('works a whole turn on the executor, from a Pod that has only its ServiceAccount', async () => {
    const address = await relayAddress(kubectl);
    const files = { 'turn.mjs': await bundledTurn() };
    await kubectl.apply(...clientPod({ name: 'ci', serviceAccount: 'dev', image: IMAGES.codex, files }, address));
    await kubectl.wait('pod/ci', 'condition=Ready', 90);

    const { node, main } = OUR_PROGRAM;
    const run = [...node, main, 'run', ...connectionFlags(address), environment, '--', ...codexExec('codex')];
    const turn = [...node, '/files/turn.mjs', MARKER, workspace, '/tmp/codex-home', ...run];
    const text = await kubectl.run(['exec', 'ci', '--', ...turn], { seconds: TURN_SECONDS });

    const { code, outputs, stderr } = shown.parse(JSON.parse(text));
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expectWholeTurn(outputs);
  });

  it('works a whole turn for a developer outside, who has the one right of the sample', async () => {
    const { hosts, caBundle, registryURL } = await frontDoors(kubectl, namespace);
    const file = (name: string, text: string) => {
      writeFileSync(join(scratch.path, name), text, { mode: 0o600 });
      giveAway(join(scratch.path, name));
      return join(scratch.path, name);
    };
    const model = await startModel(MARKER);
    const home = makeFolder(join(scratch.path, 'home'));
    file('home/config.toml', codexConfig(model.url, workspace));
    const kubeconfig = file('kubeconfig', await developerKubeconfig(kubectl, namespace));
    const developer = new Kubectl({ ...cluster(), kubeconfig }, namespace);
    await expect(developer.run(['get', 'pods,secrets,executors,relays'])).rejects.toThrow(
      /cannot list resource "pods"/,
    );
    const flags = ['--kubeconfig', kubeconfig, '--service-account', 'dev', '--registry', registryURL];
    const trust = ['--ca-file', file('ca.pem', caBundle)];
    const run = ['run', ...flags, ...trust, environment, '--', ...codexExec(newestCodex.binary)];

    const child = onDevelopersHost(file('hosts', hosts), run, { HOME: home, CODEX_HOME: home });
    const { code, stderr } = await finished(child);
    const outputs = model.outputs;
    await model.close();

    expect({ code, stderr }).toMatchObject({ code: 0 });
    expectWholeTurn(outputs);
  });

  /** `noisefleet ARGS` as an unprivileged user of a host of another name, which knows the front doors by names of its own. */
  function onDevelopersHost(hosts: string, args: readonly string[], env: Record<string, string>): ChildProcess {
    const there = onAnotherHost('developer', workspace, [...noisefleetProgram(), ...args]);
    const withNames = ['--mount', 'sh', '-c', 'mount --bind "$0" /etc/hosts && exec "$@"', hosts, ...there];
    return spawn('unshare', withNames, {
      env: cleanEnvironment(scratch.path, env),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }
});
