#!/usr/bin/env node
// Plain JavaScript, and nothing is imported statically: what an older Node cannot load must not keep it from saying so.

const LEAST_NODE = [24, 15];

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major > LEAST_NODE[0] || (major === LEAST_NODE[0] && minor >= LEAST_NODE[1])) {
  const { main } = await import('./program.ts');
  await main(process.argv);
} else {
  process.stderr.write(
    `noisefleet needs Node ${LEAST_NODE.join('.')} or newer, this is ${process.versions.node}.\n` +
      '  In a checkout this uses the right one:  npm run noisefleet -- ARGUMENTS\n',
  );
  process.exitCode = 1;
}
