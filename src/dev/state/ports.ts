import { z } from 'zod';
import { readFileIfThere, writeFileIfChanged } from './atomic-file.ts';
import { freePort, isFree } from './free-port.ts';

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

  constructor(path: string) {
    this.#path = path;
    this.#ports = new Map(Object.entries(readPorts(path)));
  }

  async portOf(name: string): Promise<number> {
    const known = this.#ports.get(name);
    if (known !== undefined && (this.#settled.has(name) || (await isFree(known)))) {
      this.#settled.add(name);
      return known;
    }
    const port = await freePort({ taken: new Set(this.#ports.values()) });
    this.#ports.set(name, port);
    this.#settled.add(name);
    writeFileIfChanged(this.#path, JSON.stringify(Object.fromEntries(this.#ports)));
    return port;
  }
}

function readPorts(path: string): Record<string, number> {
  try {
    return portsSchema.parse(JSON.parse(readFileIfThere(path) ?? '{}'));
  } catch {
    return {}; // ports are a convenience: with an unreadable file others are chosen
  }
}
