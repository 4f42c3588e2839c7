import { execFileSync } from 'node:child_process';

/** Resident memory of a Node that has started and does nothing, in megabytes of 1,000,000 bytes. */
export function bareNodeMegabytes(): number {
  return Number(node('console.log(process.memoryUsage.rss() / 1e6)'));
}

/** From its start to its end, the best of a few: what no program of Node comes below on this machine now. */
export function bareNodeSeconds(): number {
  const times = Array.from({ length: 3 }, () => {
    const started = performance.now();
    node('');
    return (performance.now() - started) / 1000;
  });
  return Math.min(...times);
}

function node(script: string): string {
  return execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' });
}
