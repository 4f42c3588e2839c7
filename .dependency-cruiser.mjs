/**
 * The "may import" table of the house: which room may import which. `npm run check:layers` holds it.
 * Telemetry may be imported by all; tests stand beside the code and obey the same table.
 */
const rooms = {
  noise: [],
  wire: ['noise'],
  api: [],
  kube: [],
  keys: ['noise', 'api', 'kube'],
  operator: ['api', 'kube', 'keys', 'wire'],
  registry: ['api', 'kube', 'wire'],
  relay: ['wire'],
  executor: ['noise', 'wire'],
  'exec-server': ['wire'],
  harness: ['noise', 'wire'],
  telemetry: [],
};

const roomRules = Object.entries(rooms).map(([room, allowed]) => ({
  name: `${room}-may-import`,
  comment: `src/${room} may import only: ${[...allowed, 'telemetry'].join(', ')}`,
  severity: 'error',
  from: { path: `^src/${room}/` },
  to: { path: '^src/', pathNot: `^src/(${[room, ...allowed, 'telemetry'].join('|')})/` },
}));

export default {
  forbidden: [
    ...roomRules,
    {
      name: 'nothing-imports-the-cli',
      severity: 'error',
      from: { path: '^src/(?!cli/)' },
      to: { path: '^src/cli/' },
    },
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-kubernetes-client-on-the-data-path',
      severity: 'error',
      from: { path: '^src/(noise|wire|relay|executor|exec-server|harness|telemetry)/' },
      to: { path: '@kubernetes/client-node' },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
  },
};
