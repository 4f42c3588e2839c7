import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { newestCodex } from '../../interop/codex.ts';
import { loadTestImage, type TestImage } from './image.ts';

const call = promisify(execFile);

/** Images of users, by what is in them. Each has a file that says which one it is. */
export const IMAGES = {
  /** Debian's libc, Node.js, a shell: the tests' base image. */
  glibc: 'localhost/e2e-glibc:1',
  /** Another libc, and a program that is linked with it. */
  musl: 'localhost/e2e-musl:1',
  /** One static program with many names; no libc, no user, no /tmp. */
  busybox: 'localhost/e2e-busybox:1',
  /** One static program that is no shell. */
  tiny: 'localhost/e2e-tiny:1',
  /** Codex, which is static, beside a shell. */
  codex: 'localhost/e2e-codex:1',
} as const;

/** The file that tells a command in which image it runs. */
export const MARKER = '/image-name';

const BUSYBOX_FILE = '/bin/busybox';
const BUSYBOX = `COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]`;
const marked = (name: string) => `RUN ["/bin/busybox", "sh", "-c", "echo ${name} > ${MARKER}"]`;

/** Builds all images that executors run in, from what this machine has, and loads them. */
export async function loadUserImages(): Promise<void> {
  const probe = join(import.meta.dirname, 'probe.c');
  await loadGlibcImage();
  await loadCodexImage();
  await inScratchFolder(async (folder) => {
    const [linked, whole] = [join(folder, 'linked'), join(folder, 'static')];
    await call('musl-gcc', ['-O1', '-o', linked, probe]);
    await call('musl-gcc', ['-O1', '-static', '-o', whole, probe]);
    await load('musl', {
      lines: ['FROM scratch', BUSYBOX, 'COPY libc.so /lib/ld-musl-x86_64.so.1', 'COPY probe /probe', marked('musl')],
      files: { busybox: BUSYBOX_FILE, 'libc.so': '/lib/ld-musl-x86_64.so.1', probe: linked },
    });
    await load('tiny', { lines: ['FROM scratch', 'COPY probe /probe'], files: { probe: whole } });
  });
  await load('busybox', {
    lines: ['FROM scratch', BUSYBOX, 'ENV PATH=/bin', marked('busybox')],
    files: { busybox: BUSYBOX_FILE },
  });
}

export async function loadGlibcImage(): Promise<void> {
  await load('glibc', { lines: ['FROM localhost/node-base:1', marked('glibc')] });
}

export async function loadCodexImage(): Promise<void> {
  const codex = ['COPY --chmod=755 codex /usr/bin/codex', 'ENV PATH=/bin:/usr/bin'];
  await load('codex', {
    lines: ['FROM scratch', BUSYBOX, ...codex, marked('codex')],
    files: { busybox: BUSYBOX_FILE, codex: newestCodex.binary },
  });
}

async function load(
  name: keyof typeof IMAGES,
  { lines, ...image }: Omit<TestImage, 'tag' | 'containerfile'> & { readonly lines: readonly string[] },
): Promise<void> {
  await loadTestImage({ ...image, tag: IMAGES[name], containerfile: `${lines.join('\n')}\n` });
}

async function inScratchFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'noisefleet-image-'));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
