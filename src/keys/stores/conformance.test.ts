import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { secrets } from '../../kube/index.ts';
import { MemoryApiServer } from '../../kube/testing/index.ts';
import { systemClock } from '../../telemetry/index.ts';
import { keyStoreConformance } from '../testing/conformance.ts';
import { MemoryKeyStore } from '../testing/memory-key-store.ts';
import { DirectoryKeyStore } from './directory-store.ts';
import { keySecretName, SecretKeyStore } from './secret-store.ts';

keyStoreConformance({
  name: 'the Secret that the sidecar mounts',
  takesNotes: false,
  retains: false,
  open: async () => {
    const server = new MemoryApiServer({ clock: systemClock });
    return {
      store: new SecretKeyStore(server.api()),
      other: new SecretKeyStore(server.api()),
      damage: async (holder, id, bytes) => {
        const ref = { namespace: holder.namespace, name: keySecretName(holder) };
        const body = { data: { [`${id}.json`]: Buffer.from(bytes).toString('base64') } };
        await server.api().patch(secrets, ref, { type: 'merge', body });
      },
    };
  },
});

keyStoreConformance({
  name: 'a directory',
  takesNotes: false,
  retains: false,
  open: async () => {
    const root = mkdtempSync(join(tmpdir(), 'noisefleet-keys-'));
    const open = () => new DirectoryKeyStore(({ namespace, name }) => join(root, namespace, name));
    return {
      store: open(),
      other: open(),
      damage: async ({ namespace, name }, id, bytes) => writeFileSync(join(root, namespace, name, `${id}.json`), bytes),
      close: () => rmSync(root, { recursive: true }),
    };
  },
});

keyStoreConformance({
  name: 'the memory of a simulation',
  takesNotes: true,
  retains: true,
  open: async () => {
    const store = new MemoryKeyStore();
    return { store, other: store, damage: async (holder, id, bytes) => store.tamper(holder, id, bytes) };
  },
});
