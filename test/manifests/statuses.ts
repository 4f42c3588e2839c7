/** A status of each kind with every field in it, as the operator may write it. */
const time = '2026-11-21T08:00:00Z';
const condition = {
  type: 'Ready',
  status: 'True',
  reason: 'Registered',
  message: 'k3 is present on two relays.',
  observedGeneration: 3,
  lastTransitionTime: time,
};
const fingerprint = `SHA256:${'A'.repeat(43)}`;

export const fullStatuses = {
  Relay: {
    observedGeneration: 3,
    conditions: [condition],
    addresses: [
      { type: 'Internal', registryURL: 'https://r:8443', relayURL: 'wss://l:8444', caBundle: 'PEM' },
      { type: 'External', registryURL: 'https://r.example.com', relayURL: 'wss://l.example.com' },
    ],
    replicas: 2,
    readyReplicas: 1,
    selector: 'noisefleet.dev/relay=main',
    registry: { replicas: 2, readyReplicas: 2 },
    executors: 37,
    ticketKeys: [{ id: 't1', state: 'Active', creationTime: time, activationTime: time, retirementTime: time }],
    certificates: [{ name: 'noisefleet-main-tls', fingerprint, expirationTime: time, renewalTime: time }],
  },
  Executor: {
    observedGeneration: 3,
    conditions: [condition, { ...condition, type: 'Stalled', status: 'False' }],
    environmentID: 'team-a_build',
    relay: 'agents/main',
    pod: { name: 'build-7c1e', uid: 'u-1', attempt: 2, failures: 1, retryTime: time, startTime: time },
    workspaceVolumeClaim: 'build-workspace',
    activeKeyID: 'k3',
    keys: [
      {
        id: 'k3',
        state: 'Active',
        fingerprint,
        trigger: 'Annotation',
        requestedBy: 'security:rotator',
        reason: 'quarterly',
        creationTime: time,
        preparationTime: time,
        activationTime: time,
        retirementTime: time,
        revocationTime: time,
      },
      { id: 'k4', state: 'Pending', trigger: 'Schedule', creationTime: time },
    ],
    droppedKeys: 2,
    lastRotationTime: time,
    nextRotationTime: time,
    handledRotationRequests: ['1', '2'],
    sessions: { count: 2, lastActivityTime: time },
    external: {
      fingerprint,
      registrationTime: time,
      registrationTokenSecretName: 'noisefleet-build-registration',
      registrationTokens: [{ sha256: 'a'.repeat(64), expirationTime: time }, { sha256: 'b'.repeat(64) }],
    },
  },
  ExecutorGrant: { observedGeneration: 3, conditions: [condition], executors: 4 },
} as const;
