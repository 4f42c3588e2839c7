import { mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Kubectl } from './kubectl.ts';

/** Lines of each container's log. */
const LOG_LINES = 400;

/** A dump looks at a cluster that may be sick: no question may hold it up for long. */
const QUESTION_SECONDS = 15;

/** What is asked of a namespace. Nothing prints the data of a Secret: `describe` gives its sizes only. */
const QUESTIONS: readonly (readonly string[])[] = [
  ['get', 'all,pvc,configmaps,secrets,networkpolicies', '-o', 'wide'],
  ['get', 'events', '--sort-by=.metadata.creationTimestamp'],
  ['get', 'noisefleet', '-o', 'yaml'],
  ['describe', 'pods'],
  ['describe', 'deployments,replicasets,jobs'],
];

/**
 * Writes down how a namespace is (objects, events, our resources, logs) for somebody who was not there.
 *
 * @returns the file, and its first part (objects and events) for the terminal
 */
export async function dumpNamespace(
  kubectl: Kubectl,
  namespace: string,
  title: string,
): Promise<{ file: string; summary: string }> {
  const answers: string[] = [];
  for (const question of QUESTIONS) answers.push(await ask(kubectl, question));
  for (const pod of await podNames(kubectl)) {
    const logs = ['logs', pod, '--all-containers', '--prefix', '--timestamps', `--tail=${LOG_LINES}`];
    answers.push(await ask(kubectl, logs), await ask(kubectl, [...logs, '--previous']));
  }
  const folder = process.env.NOISEFLEET_E2E_REPORTS ?? join(tmpdir(), 'noisefleet-e2e');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, `${namespace}-${title.replace(/\W+/g, '-').slice(0, 80)}.txt`);
  writeFileSync(file, `${title}\n\n${answers.join('\n')}`);
  return { file, summary: answers.slice(0, 2).join('\n') };
}

async function ask(kubectl: Kubectl, question: readonly string[]): Promise<string> {
  const answer = await kubectl.run(question, { seconds: QUESTION_SECONDS }).catch((error: Error) => error.message);
  return `$ kubectl ${question.join(' ')}\n${answer}`;
}

async function podNames(kubectl: Kubectl): Promise<readonly string[]> {
  const names = await kubectl.run(['get', 'pods', '-o', 'name'], { seconds: QUESTION_SECONDS }).catch(() => '');
  return names.split('\n').filter((name) => name !== '');
}
