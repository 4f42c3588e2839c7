import { execFileSync } from 'node:child_process';
import { processesOf } from '../key-bytes/machine-places.ts';

/**
 * Packets between a pod and some others are dropped, with no word to anybody, while everybody else reaches both: what a network that is torn does, and no policy of
 * the cluster. To be called as root, on the machine of the cluster's nodes.
 */
export class CutOff {
  readonly #pid: number;
  readonly #addresses: readonly string[];
  #isCut = false;

  constructor(pod: string, addresses: readonly string[]) {
    const [pid] = processesOf(pod);
    if (pid === undefined) throw new Error(`${pod} has no process here`);
    this.#pid = pid;
    this.#addresses = addresses;
  }

  cut(): void {
    this.#rules('-I');
    this.#isCut = true;
  }

  /** Does nothing the second time. */
  mend(): void {
    if (this.#isCut) this.#rules('-D');
    this.#isCut = false;
  }

  #rules(action: '-I' | '-D'): void {
    for (const address of this.#addresses) {
      this.#iptables(action, 'OUTPUT', '-d', address);
      this.#iptables(action, 'INPUT', '-s', address);
    }
  }

  #iptables(...rule: readonly string[]): void {
    const inside = [`--net=/proc/${this.#pid}/ns/net`, 'iptables', '--wait', ...rule, '-j', 'DROP'];
    execFileSync('nsenter', inside);
  }
}
