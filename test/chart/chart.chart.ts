import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { CHART, helm, objectsOf, render } from './helm.ts';
import { rbacTable } from './rbac-table.ts';

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
/** `UPDATE_GOLDEN=1 npm run chart` writes the golden files and the table anew: look at the difference before you commit it. */
const UPDATE = process.env.UPDATE_GOLDEN === '1';
const VAULT = ['--values', path('values/vault.yaml')];
const NAMESPACES = ['--values', path('values/namespaces.yaml')];

/** CRDs are compared with their sources instead of once more here. */
function withoutCrds(text: string): string {
  const documents = text.split(/^---\n/m).filter((document) => !/^kind: CustomResourceDefinition$/m.test(document));
  return documents.join('---\n');
}

function expectGolden(name: string, text: string): void {
  const file = path(`golden/${name}.yaml`);
  if (UPDATE) writeFileSync(file, text);
  expect(text).toBe(readFileSync(file, 'utf8'));
}

describe('the chart', () => {
  it('passes helm lint, also with every value set', () => {
    expect(helm('lint', '--strict', CHART)).toContain('0 chart(s) failed');
    expect(helm('lint', '--strict', CHART, '--values', path('values/full.yaml'))).toContain('0 chart(s) failed');
  });

  it.each([
    ['defaults', []],
    ['namespaces', NAMESPACES],
    ['vault', VAULT],
    ['full', ['--values', path('values/full.yaml')]],
  ])('renders %s as the golden file says', (name, args) => {
    expectGolden(name, withoutCrds(render(...args)));
  });

  it.each([
    [['--set', 'operater.replicas=2'], 'operater'],
    [['--set', 'operator.replica=2'], 'replica'],
    [['--set', 'image.pullPolicy=Sometimes'], 'pullPolicy'],
    [['--set', 'image.digest=latest'], 'digest'],
    [['--set', 'executorNamespaces={Team_A}'], 'executorNamespaces'],
    [['--set-string', 'crds.enabled=yes'], 'enabled'],
    [['--set', 'certificates.lifetime=90d'], 'lifetime'],
    [['--set', 'keys.store=Directory'], 'store'],
    [['--set', 'keys.store=Vault,keys.clusterName=production'], 'address'],
    [['--set', 'keys.store=Vault,keys.vault.address=https://vault:8200'], 'clusterName'],
    [[...VAULT, '--set', 'keys.vault.address=http://vault:8200'], 'address'],
    [[...VAULT, '--set', 'keys.vault.tokenExpirationSeconds=60'], 'tokenExpirationSeconds'],
    [[...VAULT, '--set', 'keys.vault.ca.secret=also'], 'ca'],
  ])('refuses %s by its schema, and names the value', (args, named) => {
    expect(() => render(...args)).toThrow(named);
  });

  it('brings the CRDs of the source, kept on uninstall unless told otherwise, or none', () => {
    const sources = readdirSync(path('../../crds')).filter((name) => name !== 'kustomization.yaml');
    const crdsOf = (...args: string[]) =>
      objectsOf(render(...args)).filter(({ kind }) => kind === 'CustomResourceDefinition');
    const rendered = crdsOf();
    expect(rendered).toHaveLength(sources.length);
    for (const name of sources) {
      const [source] = parseAllDocuments(readFileSync(path(`../../crds/${name}`), 'utf8')).map((each) => each.toJSON());
      expect(rendered.find(({ metadata }) => metadata.name === source.metadata.name)?.spec).toEqual(source.spec);
    }
    for (const { metadata } of rendered) expect(metadata.annotations?.['helm.sh/resource-policy']).toBe('keep');
    for (const { metadata } of crdsOf('--set', 'crds.keep=false')) expect(metadata.annotations).toBeUndefined();
    expect(crdsOf('--set', 'crds.enabled=false')).toEqual([]);
  });

  it('gives exactly the rights that docs/rbac.md lists', () => {
    const file = path('../../docs/rbac.md');
    const table = rbacTable(objectsOf(render(...NAMESPACES)));
    const [begin, end] = ['<!-- rights -->\n\n', '\n\n<!-- /rights -->'];
    const [head = '', rest = ''] = readFileSync(file, 'utf8').split(begin);
    const [listed, tail = ''] = rest.split(end);
    if (UPDATE) writeFileSync(file, `${head}${begin}${table}${end}${tail}`);
    else expect(listed).toBe(table);
  });

  it('gives cluster-wide only our kinds, token reviews, and a look at its own admission policy', () => {
    const objects = objectsOf(render(...NAMESPACES));
    const bound = objects.filter(({ kind }) => kind === 'ClusterRoleBinding').map(({ roleRef }) => roleRef?.name);
    const roles = objects.filter(({ kind, metadata }) => kind === 'ClusterRole' && bound.includes(metadata.name));
    const rules = roles.flatMap((each) => each.rules ?? []);
    for (const { apiGroups, resources, resourceNames, verbs } of rules) {
      const reviews = apiGroups[0] === 'authentication.k8s.io' && resources[0] === 'tokenreviews';
      const look = resourceNames?.join() === 'noisefleet-keys' && verbs.join() === 'get';
      expect(reviews || look || apiGroups.every((group) => group === 'noisefleet.dev')).toBe(true);
    }
    expect(rules.length).toBeGreaterThan(0);
    for (const { verbs, resources } of rules) expect([...verbs, ...resources]).not.toContain('*');
  });

  it('has alerts only when asked, each on a metric that the operator makes, and each in the guide', () => {
    const kind = 'PrometheusRule';
    expect(objectsOf(render()).some((each) => each.kind === kind)).toBe(false);
    const rule = JSON.stringify(
      objectsOf(render('--set', 'monitoring.prometheusRule.enabled=true')).find((each) => each.kind === kind),
    );
    const source = readFileSync(path('../../src/operator/executor-secret/key-metrics.ts'), 'utf8');
    const guide = readFileSync(path('../../docs/guides/alerts.md'), 'utf8');
    const named = (text: string, pattern: RegExp) => new Set([...text.matchAll(pattern)].map(([, name = '']) => name));
    const metrics = named(rule, /\b(noisefleet_\w+)/g);
    expect(metrics.size).toBeGreaterThan(3);
    for (const name of metrics) expect(source).toContain(`'${name}'`);
    const alerts = named(rule, /"alert":"(\w+)"/g);
    expect(named(guide, /^\| `(Noisefleet\w+)`/gm)).toEqual(alerts);
    expect(named(guide, /^\| `(noisefleet_\w+)`/gm)).toEqual(named(source, /'(noisefleet_\w+)'/g));
  });

  it('gives roles that may patch executors only together with the policy that bounds them', () => {
    const names = (...args: string[]) =>
      objectsOf(render(...args)).map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    const duties = [
      'ClusterRole noisefleet-key-rotator',
      'ClusterRole noisefleet-key-revoker',
      'ValidatingAdmissionPolicy noisefleet-keys',
      'ValidatingAdmissionPolicyBinding noisefleet-keys',
    ];
    expect(names()).toEqual(expect.arrayContaining(duties));
    const without = names('--set', 'rbac.separationOfDuties=false');
    expect(without.filter((name) => duties.includes(name))).toEqual([]);
    const binding = objectsOf(render('--set', 'fullnameOverride=acme')).find(
      ({ kind }) => /Binding$/.test(kind) && /Admission/.test(kind),
    );
    expect(binding).toMatchObject({ metadata: { name: 'acme-keys' }, spec: { policyName: 'acme-keys' } });
  });

  it('ends its notes in the next command', () => {
    const said = helm('install', 'noisefleet', CHART, '--dry-run=client');
    expect(said.trimEnd().split('\n').at(-1)).toMatch(/^ {2}kubectl /);
  });

  it('starts an operator that Pod Security restricted takes', () => {
    const deployment = objectsOf(render()).find(({ kind }) => kind === 'Deployment');
    expect(deployment?.spec).toMatchObject({
      template: {
        spec: {
          securityContext: { runAsNonRoot: true, runAsUser: 65_532, seccompProfile: { type: 'RuntimeDefault' } },
          containers: [
            {
              securityContext: {
                allowPrivilegeEscalation: false,
                readOnlyRootFilesystem: true,
                capabilities: { drop: ['ALL'] },
              },
            },
          ],
        },
      },
    });
  });

  it('has a quickstart that makes the very rights that the values would', () => {
    const text = readFileSync(path('../../config/samples/quickstart/00-namespace.yaml'), 'utf8');
    const sample = objectsOf(text).filter(({ kind }) => kind === 'RoleBinding' || kind === 'ServiceAccount');
    const objects = objectsOf(render('--set', 'relayNamespaces={agents}'));
    for (const { kind, metadata, roleRef, subjects } of sample) {
      const same = objects.find((each) => each.kind === kind && each.metadata.name === metadata.name);
      expect({ name: metadata.name, roleRef: same?.roleRef, subjects: same?.subjects }).toEqual({
        name: metadata.name,
        roleRef,
        subjects,
      });
    }
  });

  it('has nothing of it made by hand that is made from elsewhere', () => {
    execFileSync(process.execPath, [path('../../packaging/chart.ts'), '--check'], { stdio: 'pipe' });
  });
});
