import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { Rig } from '/work/wt/speed/test/scale/rig/rig.ts';
import { buildBundle } from '/work/wt/speed/bench/product/bundle.ts';
const [node = '', ...program] = buildBundle();
const prof = process.env.PROF; const flags = (process.env.FLAGS ?? '').split(' ').filter(Boolean);
if (prof) mkdirSync(prof, { recursive: true });
const pf = prof ? ['--cpu-prof', '--cpu-prof-interval=500', `--cpu-prof-dir=${prof}`] : [];
const rig = await Rig.start({ registries: 1, relays: 1, executors: 1, direct: true, program: [node, ...flags, ...pf, ...program], logLevel: 'warn' });
try {
  const [executor] = rig.executors;
  const child = fork(new URL('file:///work/wt/speed/bench/storm/stream-process.ts'), { env: { PATH: process.env.PATH }, execArgv: pf });
  const { readFileSync } = await import('node:fs');
  const parts: Record<string, any> = { relay: rig.relays[0]!.part, sidecar: executor!.sidecar, exec: executor!.execServer, client: child };
  const cpu = (p: any) => { const f = readFileSync(`/proc/${p.pid}/stat`, 'latin1').split(') ')[1]!.split(' '); return [(Number(f[11])) * 10, Number(f[12]) * 10]; };
  const bytes = 256 * 2 ** 20;
  child.send({ environmentId: executor!.id, registryUrl: rig.registryUrl, token: rig.files.clientToken(0), bytes, rounds: Number(process.env.ROUNDS ?? 3) });
  const before: any = {}; for (const k in parts) try { before[k] = cpu(parts[k]); } catch {}
  const msg = once(child, 'message');
  let last: any = {}; const t = setInterval(() => { for (const k in parts) try { last[k] = cpu(parts[k]); } catch {} }, 200);
  const [rates] = await msg; clearInterval(t);
  const mib = (Number(process.env.ROUNDS ?? 3) + 1) * 256;
  console.log('rates', (rates as number[]).map((x) => x.toFixed(1)).join(' '));
  for (const k in last) console.log(k, 'user', ((last[k][0] - (before[k]?.[0] ?? 0)) / mib).toFixed(2), 'sys', ((last[k][1] - (before[k]?.[1] ?? 0)) / mib).toFixed(2), 'ms/MiB');
  if (prof) for (const p of [rig.relays[0]!.part, executor!.sidecar, executor!.execServer]) { await Promise.race([p.stop(), new Promise((r) => setTimeout(r, 15000))]); }
} finally { await rig.stop(); }
