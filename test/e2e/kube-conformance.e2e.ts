import { connectToCluster } from '../../src/kube/index.ts';
import { describeObjectApi } from '../../src/kube/testing/conformance/object-api.ts';
import { systemClock } from '../../src/telemetry/index.ts';
import { cluster } from './cluster-fixture.ts';

describeObjectApi('a real API server', () =>
  connectToCluster({ kubeconfig: cluster().kubeconfig, clock: systemClock, userAgent: 'noisefleet-conformance' }),
);
