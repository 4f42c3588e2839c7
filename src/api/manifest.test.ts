import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { describeProblem, MAX_DOCUMENTS, MAX_MANIFEST_BYTES, parseManifests } from './manifest.ts';

const parse = (text: string) => parseManifests([{ file: 'm.yaml', text }]);
const problemsOf = (text: string) => parse(text).problems.map(describeProblem);
const HEAD = 'apiVersion: noisefleet.dev/v1alpha1\nkind: Executor\n';

describe('manifests', () => {
  it('fills in the defaults, so that the shortest executor says everything', () => {
    const { resources, problems } = parse(`${HEAD}metadata: {name: demo}\nspec: {relayRef: {name: main}}\n`);
    expect(problems).toEqual([]);
    expect(resources).toEqual([
      {
        apiVersion: 'noisefleet.dev/v1alpha1',
        kind: 'Executor',
        metadata: { name: 'demo', namespace: 'default', labels: {}, annotations: {} },
        spec: {
          relayRef: { name: 'main' },
          operatingMode: 'Running',
          runtime: { type: 'BuiltIn' },
          sandbox: { mode: 'Container' },
          workspace: { type: 'Ephemeral', path: '/tmp/noisefleet' },
          egress: [],
          keys: { rotation: { period: '2160h', overlap: '24h', windows: [] }, deletionPolicy: 'Destroy' },
          updatePolicy: 'WhenIdle',
        },
      },
    ]);
  });

  it('takes the resources of the design as they stand there', () => {
    const text = `
kind: Relay
apiVersion: noisefleet.dev/v1alpha1
metadata: {name: main, namespace: agents}
spec:
  replicas: 2
  registry: {replicas: 2}
  allowedNamespaces: {from: Selector, selector: {matchLabels: {agents: "yes"}}}
  tls: {type: Generated}
  external: {registryHostname: registry.agents.example.com, relayHostname: relay.agents.example.com}
---
kind: Executor
apiVersion: noisefleet.dev/v1alpha1
metadata: {name: build, namespace: team-a, annotations: {noisefleet.dev/rotate-requested-at: "1"}}
spec:
  relayRef: {name: main, namespace: agents}
  runtime: {type: Codex, codex: {}}
  sandbox: {mode: Container}
  template:
    spec: {containers: [{name: workspace, image: golang:1.26, resources: {limits: {cpu: "4", memory: 8Gi}}}]}
  workspace: {type: Persistent, path: /tmp/noisefleet, persistent: {size: 20Gi}}
  keys: {rotation: {period: 2160h, overlap: 24h}}
  updatePolicy: WhenIdle
---
kind: ExecutorGrant
apiVersion: noisefleet.dev/v1alpha1
metadata: {name: ci, namespace: team-a}
spec:
  subjects: [{apiGroup: "", kind: ServiceAccount, name: runner, namespace: ci}]
  executorSelector: {matchLabels: {tier: ci}}
  expirationTime: "2027-01-01T00:00:00Z"
---
`;
    const { resources, problems } = parse(text);
    expect(problems).toEqual([]);
    expect(resources.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
      'Relay main',
      'Executor build',
      'ExecutorGrant ci',
    ]);
  });

  it.each([
    [
      'an unknown field, with the nearest',
      `${HEAD}metadata: {name: demo}\nspec:\n  relayRef: {name: main}\n  runtme: {type: BuiltIn}\n`,
      'm.yaml:5 (document 1, Executor default/demo): spec: unknown field "runtme", did you mean "runtime"? Allowed: relayRef, operatingMode, runtime, sandbox, template, workspace, egress, keys, updatePolicy',
    ],
    [
      'a member of another type',
      `${HEAD}metadata: {name: demo}\nspec: {relayRef: {name: main}, runtime: {type: BuiltIn, codex: {}}}\n`,
      'm.yaml:4 (document 1, Executor default/demo): spec.runtime: codex is allowed only when type is Codex',
    ],
    [
      'an unknown type',
      `${HEAD}metadata: {name: demo}\nspec:\n  relayRef: {name: main}\n  runtime:\n    type: Docker\n`,
      'm.yaml:7 (document 1, Executor default/demo): spec.runtime.type: type must be one of BuiltIn, Codex, External',
    ],
    [
      'a missing reference',
      `${HEAD}metadata: {name: demo}\nspec: {}\n`,
      'm.yaml:4 (document 1, Executor default/demo): spec.relayRef: is missing; must be an object',
    ],
    [
      'a name that is no DNS label',
      `${HEAD}metadata: {name: Demo_1}\nspec: {relayRef: {name: main}}\n`,
      'm.yaml:3 (document 1, Executor default/Demo_1): metadata.name: must be a DNS label: 1 to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit',
    ],
    [
      'a duration out of bounds',
      `${HEAD}metadata: {name: demo}\nspec: {relayRef: {name: main}, keys: {rotation: {overlap: 90d}}}\n`,
      'm.yaml:4 (document 1, Executor default/demo): spec.keys.rotation.overlap: must be a duration from 0s to 720h, such as 24h or 1h30m',
    ],
    [
      'an annotation that is a number',
      `${HEAD}metadata: {name: demo, annotations: {noisefleet.dev/rotate-requested-at: 7}}\nspec: {relayRef: {name: main}}\n`,
      'm.yaml:3 (document 1, Executor default/demo): metadata.annotations["noisefleet.dev/rotate-requested-at"]: must be a string: put the value in quotes',
    ],
    [
      'an unknown kind, with the nearest',
      'apiVersion: noisefleet.dev/v1alpha1\nkind: Executer\n',
      'm.yaml:2 (document 1): kind: "Executer" is not known, did you mean Executor?; must be one of Relay, Executor, ExecutorGrant',
    ],
    [
      'a missing kind',
      'metadata: {name: x}\n',
      'm.yaml:1 (document 1): kind: is missing; must be one of Relay, Executor, ExecutorGrant',
    ],
    [
      'a document that is a word',
      'hello\n',
      'm.yaml:1 (document 1): kind: the document must be an object with apiVersion, kind, metadata and spec',
    ],
    [
      'another version',
      'apiVersion: noisefleet.dev/v1\nkind: Relay\nmetadata: {name: main}\n',
      'm.yaml:1 (document 1, Relay default/main): apiVersion: must be noisefleet.dev/v1alpha1',
    ],
    [
      'a subject that nothing could check',
      'apiVersion: noisefleet.dev/v1alpha1\nkind: ExecutorGrant\nmetadata: {name: g}\nspec: {subjects: [{kind: User, name: me}]}\n',
      'm.yaml:4 (document 1, ExecutorGrant default/g): spec.subjects[0].kind: User subjects wait for an identity provider: name a ServiceAccount or a Group',
    ],
  ])('refuses %s', (_name, text, expected) => {
    expect(problemsOf(text)).toEqual([expected]);
  });

  it('names the line of broken YAML, and of a key written twice', () => {
    expect(problemsOf('a: 1\nb: [\n')[0]).toMatch(/^m\.yaml:3 \(document 1\): is not YAML: /);
    expect(problemsOf('kind: Relay\nkind: Relay\n')[0]).toMatch(/^m\.yaml:2 .*Map keys must be unique/);
  });

  it('counts documents, and keeps the right ones beside a wrong one', () => {
    const right = `${HEAD}metadata: {name: demo}\nspec: {relayRef: {name: main}}\n`;
    const { resources, problems } = parse(`${right}---\nkind: Nothing\n---\n${right.replace('demo', 'other')}`);
    expect(resources.map(({ metadata }) => metadata.name)).toEqual(['demo', 'other']);
    expect(problems.map(({ document, line }) => [document, line])).toEqual([[2, 6]]);
  });

  it('refuses the same object twice and says where the first is', () => {
    const text = `${HEAD}metadata: {name: demo}\nspec: {relayRef: {name: main}}\n`;
    const { problems } = parseManifests([
      { file: 'a.yaml', text },
      { file: 'b.yaml', text },
    ]);
    expect(problems.map(describeProblem)).toEqual([
      'b.yaml:1 (document 1, Executor default/demo): is there twice, first in a.yaml, document 1',
    ]);
  });

  it('refuses a file that is too large, too many documents, and aliases that multiply', () => {
    expect(problemsOf(`#${' '.repeat(MAX_MANIFEST_BYTES)}`)[0]).toContain('is larger than');
    expect(problemsOf('---\na: 1\n'.repeat(MAX_DOCUMENTS + 1))[0]).toContain('has more than 256 documents');
    const bomb = [
      'a: &a [x, x, x, x, x, x, x, x, x, x]',
      'b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]',
      'c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]',
      'd: [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c]',
    ];
    expect(problemsOf(bomb.join('\n'))[0]).toContain('is not YAML we take');
  });

  it('answers any text, and any object of our kinds, with resources or problems that have a line', () => {
    const object = fc.record({
      apiVersion: fc.constant('noisefleet.dev/v1alpha1'),
      kind: fc.constantFrom('Relay', 'Executor', 'ExecutorGrant'),
      metadata: fc.oneof(fc.constant({ name: 'demo' }), fc.jsonValue()),
      spec: fc.jsonValue(),
    });
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          object.map((value) => stringify(value)),
        ),
        (text) => {
          for (const problem of parse(text).problems) {
            expect(problem.line).toBeGreaterThanOrEqual(1);
            expect(describeProblem(problem)).toContain(problem.message);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
