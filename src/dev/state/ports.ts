import { once } from 'node:events';
import { createServer } from 'node:net';
import { z } from 'zod';
import { readFileIfThere, writeFileIfChanged } from './atomic-file.ts';

/**
 * Below the ranges from which Linux and macOS take ports for outgoing connections: a port of ours that is free for a moment, while
 * its process restarts, must not become somebody's client socket.
 */
const FIRST_PORT = 20_000;
const PORT_COUNT = 12_000;
/** With more misses the machine is full of listeners, or something else is wrong. */
const MAX_ATTEMPTS = 200;

const portsSchema = z.record(z.string(), z.int().min(1).max(65_535));

/**
 * Loopback ports by name, kept in a file: a restarted part, and a restarted `dev`, is found where it was, as long as nobody else
 * took the port meanwhile.
 */
export class PortBook {
  readonly #path: string;
  readonly #ports: Map<string, number>;
  /** Names whose port was looked at in this run: theirs are in use by ourselves, so they are not tried again. */
  readonly #settled = new Set<string>();
  readonly #random: () => number;

  constructor(path: string, random: () => number = Math.random) {
    this.#path = path;
    this.#random = random;
    this.#ports = new Map(Object.entries(readPorts(path)));
  }

  async portOf(name: string): Promise<number> {
    const known = this.#ports.get(name);
    if (known !== undefined && (this.#settled.has(name) || (await isFree(known)))) {
      this.#settled.add(name);
      return known;
    }
    const port = await this.#freePort();
    this.#ports.set(name, port);
    this.#settled.add(name);
    writeFileIfChanged(this.#path, JSON.stringify(Object.fromEntries(this.#ports)));
    return port;
  }

  async #freePort(): Promise<number> {
    const taken = new Set(this.#ports.values());
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      const port = FIRST_PORT + Math.floor(this.#random() * PORT_COUNT);
      if (!taken.has(port) && (await isFree(port))) return port;
    }
    throw new Error(`no free loopback port between ${FIRST_PORT} and ${FIRST_PORT + PORT_COUNT}`);
  }
}

function readPorts(path: string): Record<string, number> {
  try {
    return portsSchema.parse(JSON.parse(readFileIfThere(path) ?? '{}'));
  } catch {
    return {}; // ports are a convenience: with an unreadable file others are chosen
  }
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer();
  try {
    const listening = once(probe, 'listening');
    probe.listen({ port, host: '127.0.0.1', exclusive: true });
    await listening;
    return true;
  } catch {
    return false;
  } finally {
    await new Promise((resolve) => probe.close(resolve));
  }
}
