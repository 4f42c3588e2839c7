import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { useAgents } from './agents-namespace.ts';
import { clientPod, connectionFlags, OUR_PROGRAM, relayAddress } from './client-pod.ts';
import { bundledTurn } from './codex/bundled-turn.ts';
import { wholeTurn } from './codex/turn.ts';
import { IMAGES, loadCodexImage, loadGlibcImage, MARKER } from './images/images.ts';

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
  const { name: namespace, kubectl } = useAgents('codex');
  const environment = `${namespace}/build`;
  /** The same path on both sides (contract §10); of this run alone, since on the developer's side it is on this machine. */
  const workspace = `/tmp/${namespace}`;
  let host: string;

  beforeAll(async () => {
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
});
