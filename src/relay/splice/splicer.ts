import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock, Logger } from '../../telemetry/index.ts';
import type { BootId, HarnessTicket } from '../../wire/index.ts';
import { Refusal } from '../admission/refusal.ts';
import { SPLICE_ANSWER_MS, SPLICE_REACH_MS } from '../limits.ts';
import { answered } from './answered.ts';
import { type PeerTls, reach } from './reach.ts';
import { passedOn, wasPassedOn } from './upgrade-request.ts';

export interface SplicerOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly tls: PeerTls | undefined;
  /** Another relay was not reached: registries shall route there no more. */
  readonly onLost: (bootId: BootId) => void;
}

/** An upgrade for a harness whose executor is at another relay. */
export interface Misplaced {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  /** What the harness sent after its request. */
  readonly head: Buffer;
  readonly ticket: HarnessTicket;
}

/** Two raw sockets that became one way. */
export interface Splice {
  readonly ticket: HarnessTicket;
  /** Grows with all that goes through, either way. */
  readonly frames: number;
  readonly isIdle: boolean;
  end(): void;
}

/**
 * Harnesses that came to this relay and belong to another: the upgrade goes on to the address in the ticket, then raw bytes in both
 * directions (our-side.md §10). Each has a connection of its own, so one slow reader stops nobody. The other relay checks the ticket, and
 * answers; nothing of it is read here.
 */
export class Splicer {
  readonly #options: SplicerOptions;
  readonly #splices = new Set<Splice>();

  constructor(options: SplicerOptions) {
    this.#options = options;
  }

  get splices(): ReadonlySet<Splice> {
    return this.#splices;
  }

  /**
   * Resolves when the two are joined. `onEnd` is called once, when they are no longer.
   *
   * @throws Refusal 401 when the other relay is not reached or does not answer, or the request was passed on already
   */
  async join(misplaced: Misplaced, signal: AbortSignal, onEnd: () => void): Promise<void> {
    if (wasPassedOn(misplaced.request)) {
      throw new Refusal(401, 'wrong_relay', 'the ticket is for another life of a relay');
    }
    const peer = await this.#ask(misplaced, signal);
    const splice = spliced(misplaced, peer, () => {
      this.#splices.delete(splice);
      onEnd();
    });
    this.#splices.add(splice);
  }

  /** The other relay, which has begun to answer. */
  async #ask({ request, head, ticket }: Misplaced, signal: AbortSignal): Promise<Duplex> {
    const { clock, tls, logger, onLost } = this.#options;
    const { address, bootId } = ticket;
    try {
      const peer = await reach({ address, tls, clock, signal, withinMs: SPLICE_REACH_MS });
      peer.write(passedOn(request), 'latin1');
      if (head.length > 0) peer.write(head);
      await answered({ peer, clock, signal, withinMs: SPLICE_ANSWER_MS });
      return peer;
    } catch (cause) {
      if (!signal.aborted) {
        logger.warn({ relay: bootId, err: cause }, 'relay not reached');
        onLost(bootId);
      }
      throw new Refusal(401, 'relay_unreachable', 'the relay of this executor is not reached; ask connect again', {
        cause,
      });
    }
  }
}

function spliced({ socket, ticket }: Misplaced, peer: Duplex, onEnd: () => void): Splice {
  let frames = 0;
  let ended = false;
  const end = () => {
    if (ended) return;
    ended = true;
    socket.destroy();
    peer.destroy();
    onEnd();
  };
  const moved = () => {
    frames += 1;
  };
  for (const side of [socket, peer]) {
    side.on('data', moved);
    side.on('close', end);
  }
  socket.pipe(peer);
  peer.pipe(socket);
  return {
    ticket,
    get frames() {
      return frames;
    },
    get isIdle() {
      return socket.writableLength === 0 && peer.writableLength === 0;
    },
    end,
  };
}
