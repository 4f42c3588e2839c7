import { join } from 'node:path';
import { z } from 'zod';
import { commandOutput } from '../../interop/command-output.ts';
import { bundleOf } from '../bundle.ts';
import { clientPod, connectionFlags, OUR_PROGRAM, type RelayAddress } from '../client-pod.ts';
import { IMAGES } from '../images/images.ts';
import { until } from '../isolation/until.ts';
import type { Kubectl } from '../kubectl.ts';

const PROGRAM = 'long-turn.mjs';
/** A whole turn of Codex, with all that is done meanwhile. Seconds. */
const TURN_SECONDS = 240;
/** Until a real Codex has connected and its command runs. Milliseconds. */
const RUNNING_MS = 60_000;

const printed = z.strictObject({ code: z.number().nullable(), stdout: z.string(), stderr: z.string() });

interface Place {
  /** Of client and executor. */
  readonly kubectl: Kubectl;
  readonly address: RelayAddress;
  /** `team-a/build`, and its pod. */
  readonly environment: string;
  readonly executorPod: string;
  readonly workspace: string;
}

/** How a turn went. */
export interface TurnEnd {
  readonly code: number | null;
  readonly stderr: string;
  /** What Codex collected of the command. */
  readonly lines: readonly string[];
}

/** A client Pod with a real Codex in it, and what it needs for long turns. */
export async function codexPod(name: string, serviceAccount: string, address: RelayAddress) {
  const files = { [PROGRAM]: await bundleOf(join(import.meta.dirname, 'long-turn-in-pod.ts')) };
  return clientPod({ name, serviceAccount, image: IMAGES.codex, files }, address);
}

/** A turn of a real `codex exec` whose one command goes on until it is told that it is enough. */
export class LongTurn {
  readonly #place: Place;
  readonly #name: string;
  readonly #end: Promise<TurnEnd>;

  private constructor(place: Place, name: string, end: Promise<TurnEnd>) {
    this.#place = place;
    this.#name = name;
    this.#end = end;
    // A failure is for whoever waits for the end.
    end.catch(() => {});
  }

  /** In the Pod of `codexPod`. Resolves when the command runs. */
  static async start(place: Place, pod: string, name: string): Promise<LongTurn> {
    const { kubectl, address, environment, workspace } = place;
    const codex = ['codex', 'exec', '--skip-git-repo-check', '--json', 'go'];
    const { node, main } = OUR_PROGRAM;
    const run = [...node, main, 'run', ...connectionFlags(address), environment, '--', ...codex];
    const program = [...node, `/files/${PROGRAM}`, name, workspace, `/tmp/home-${name}`, ...run];
    const end = kubectl.run(['exec', pod, '--', ...program], { seconds: TURN_SECONDS }).then((text) => {
      const { code, stdout, stderr } = printed.parse(JSON.parse(text));
      return { code, stderr, lines: commandOutput(stdout).split('\n').filter(Boolean) };
    });
    const turn = new LongTurn(place, name, end);
    await Promise.race([
      until(
        () => turn.ticks(),
        (ticks) => ticks > 0,
        RUNNING_MS,
      ),
      end,
    ]);
    return turn;
  }

  /** How many lines the command has printed. */
  async ticks(): Promise<number> {
    return Number(await this.#inWorkspace(`cat ${this.#name}.ticks 2>/dev/null || echo 0`));
  }

  /** Ends the command. @returns how the turn ended, and what Codex has of the command */
  async enough(): Promise<TurnEnd> {
    await this.#inWorkspace(`touch ${this.#name}`);
    return this.#end;
  }

  #inWorkspace(script: string): Promise<string> {
    const { kubectl, executorPod, workspace } = this.#place;
    return kubectl.run(['exec', executorPod, '-c', 'workspace', '--', 'sh', '-c', `cd ${workspace}; ${script}`]);
  }
}

/** Every line that the command printed, in order, and its last words. */
export function wholeOutput(lines: readonly string[]): string[] {
  const count = lines.length - 1;
  return [...Array.from({ length: count }, (_, index) => `line ${index + 1}`), `end ${count}`];
}
