import type { Clock } from '../../telemetry/index.ts';
import { controlToRelay, controlToSidecar, parseStreamId, type SessionEntry, WireError } from '../../wire/index.ts';
import type { TurnEnd } from '../flow/turn-end.ts';
import { SESSIONS_FIRST_MS } from '../limits.ts';
import type { Stream } from './stream.ts';

export interface SidecarEvents {
  readonly send: (text: string) => void;
  /** The first session table is here, or its key takes new streams again: harnesses may be sent. */
  readonly entered: () => void;
  readonly sessionsChanged: () => void;
  readonly ticket: (token: string) => void;
  /** It is present elsewhere, or its key takes no new streams. */
  readonly left: () => void;
  readonly violation: (reason: string) => void;
  /** A ping was answered (ms). */
  readonly roundTrip: (milliseconds: number) => void;
}

/** The text frames between our sidecar and this relay (our-side.md §4). None of them is forwarded. */
export class SidecarControl {
  readonly #turnEnd: TurnEnd;
  readonly #events: SidecarEvents;
  readonly #openedAt: number;
  #sessions: readonly SessionEntry[] | undefined;
  #left = false;
  #serving = true;
  #pings = 0;
  /** By the finer clock. */
  #pingedAt = 0;
  #reports = new Set<Stream>();

  constructor({ clock, turnEnd, events }: { clock: Clock; turnEnd: TurnEnd; events: SidecarEvents }) {
    this.#turnEnd = turnEnd;
    this.#events = events;
    this.#openedAt = clock.now();
  }

  get sessions(): readonly SessionEntry[] {
    return this.#sessions ?? [];
  }

  /** It said that it is present elsewhere. */
  get left(): boolean {
    return this.#left;
  }

  /** False while its key is not in its folder: it would refuse whoever came now. */
  get serving(): boolean {
    return this.#serving;
  }

  /** True when the session table, which comes first, is still not here. */
  overdue(now: number): boolean {
    return this.#sessions === undefined && now - this.#openedAt >= SESSIONS_FIRST_MS;
  }

  receive(data: Buffer): void {
    try {
      // Unknown types are a newer sidecar's: ignored.
      const message = controlToRelay.parse(data.toString('utf8'));
      if (message !== undefined) this.#handle(message);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#events.violation('malformed_control');
    }
  }

  ping(): void {
    this.#pings += 1;
    this.#pingedAt = performance.now();
    this.#events.send(controlToSidecar.encode({ type: 'ping', nonce: String(this.#pings) }));
  }

  move(): void {
    this.#events.send(controlToSidecar.encode({ type: 'move' }));
  }

  /** Reports, with everything else of this turn, how much of the stream its harness has taken. */
  delivered(stream: Stream): void {
    if (this.#reports.size === 0) this.#turnEnd.enlist(this);
    this.#reports.add(stream);
  }

  flush(): void {
    const streams: Record<string, number> = {};
    for (const { id, backlog } of this.#reports) {
      streams[parseStreamId(Buffer.from(id).toString('utf8'))] = backlog.taken;
    }
    this.#reports.clear();
    this.#events.send(controlToSidecar.encode({ type: 'delivered', streams }));
  }

  #handle(message: NonNullable<ReturnType<typeof controlToRelay.parse>>): void {
    switch (message.type) {
      case 'sessions': {
        const first = this.#sessions === undefined;
        this.#sessions = message.sessions;
        if (first) this.#events.entered();
        else this.#events.sessionsChanged();
        return;
      }
      case 'ticket':
        this.#events.ticket(message.ticket);
        return;
      case 'leave':
        this.#left = true;
        this.#events.left();
        return;
      case 'serving':
        this.#setServing(message.serving);
        return;
      case 'ping':
        this.#events.send(controlToSidecar.encode({ type: 'pong', nonce: message.nonce }));
        return;
      case 'pong':
        if (message.nonce === String(this.#pings)) this.#events.roundTrip(performance.now() - this.#pingedAt);
        return;
      default:
        message satisfies never;
    }
  }

  /** Nothing before the session table, which comes first. */
  #setServing(serving: boolean): void {
    if (this.#sessions === undefined) return;
    this.#serving = serving;
    if (!serving) this.#events.left();
    else if (!this.#left) this.#events.entered();
  }
}
