import { once } from 'node:events';
import { WebSocket } from 'ws';
import {
  PRESENCE_PATH,
  type PresenceEntry,
  type PresenceToRegistry,
  type PresenceToRelay,
  parseBootId,
  presenceToRegistry,
  presenceToRelay,
} from '../../wire/index.ts';
import type { RegistryFixture } from './fixture.ts';

/** The relay's end of a presence connection, said line by line by a test. */
export class ScriptedRelay {
  readonly socket: WebSocket;
  readonly heard: PresenceToRelay[] = [];
  readonly #wake = new Set<() => void>();

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data) => {
      const message = presenceToRelay.parse(String(data));
      if (message !== undefined) this.heard.push(message);
      for (const wake of this.#wake) wake();
    });
    // The test looks at how the connection ended, not at the error before it.
    socket.on('error', () => {});
  }

  static async dial(fixture: RegistryFixture, secret = fixture.presenceSecret): Promise<ScriptedRelay> {
    const url = fixture.url.replace('http:', 'ws:');
    const relay = new ScriptedRelay(
      new WebSocket(`${url}${PRESENCE_PATH}`, { headers: { authorization: `Bearer ${secret}` } }),
    );
    await once(relay.socket, 'open');
    return relay;
  }

  /** Dials and reports these tickets, one entry each. */
  static async present(
    fixture: RegistryFixture,
    {
      bootId = 'relay-boot-1',
      port = 7001,
      entries = [],
    }: { bootId?: string; port?: number; entries?: PresenceEntry[] } = {},
  ): Promise<ScriptedRelay> {
    const relay = await ScriptedRelay.dial(fixture);
    relay.say({ type: 'hello', bootId: parseBootId(bootId), port });
    relay.say({ type: 'snapshot', entries });
    await relay.settled(fixture);
    return relay;
  }

  say(message: PresenceToRegistry): void {
    this.socket.send(presenceToRegistry.encode(message));
  }

  /** Resolves when the registry has handled all that was said: it handles messages in order, and this one leaves a trace. */
  async settled(fixture: RegistryFixture): Promise<void> {
    const denyId = `marker-${this.heard.length}-${Math.random()}`;
    this.say({ type: 'ack', denyId });
    await fixture.until(() => fixture.logged('deny acknowledged').some((line) => line.denyId === denyId));
  }

  /** The first message that matches, of those heard and to come. */
  async hears<Type extends PresenceToRelay['type']>(
    type: Type,
    matches: (message: Extract<PresenceToRelay, { type: Type }>) => boolean = () => true,
  ): Promise<Extract<PresenceToRelay, { type: Type }>> {
    const isIt = (message: PresenceToRelay): message is Extract<PresenceToRelay, { type: Type }> =>
      message.type === type && matches(message as Extract<PresenceToRelay, { type: Type }>);
    for (;;) {
      const found = this.heard.find(isIt);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#wake.add(resolve));
    }
  }

  async closed(): Promise<number> {
    const [code] = await once(this.socket, 'close');
    return code;
  }

  async leave(fixture: RegistryFixture): Promise<void> {
    const before = fixture.logged('relay lost').length;
    this.socket.terminate();
    await fixture.until(() => fixture.logged('relay lost').length > before);
  }
}

/** The ticket inside a relay URL. */
export function ticketIn(url: string): string {
  return new URL(url).searchParams.get('ticket') ?? '';
}
