// Prints "PASSED FAILED SKIPPED" of a Vitest JSON report, and after that a line for each test that failed: its file, its name and the first line of why.
// A suite that could not be loaded counts as one failure.
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';

const report = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const broken = report.testResults.filter(
  (file) => file.status === 'failed' && file.assertionResults.every((test) => test.status !== 'failed'),
);
const skipped = report.numPendingTests + (report.numTodoTests ?? 0);
console.log(report.numPassedTests, report.numFailedTests + broken.length, skipped);

for (const { name: file, message } of broken) console.log(failure(file, 'could not be loaded', message));
for (const { name: file, assertionResults } of report.testResults) {
  for (const { status, fullName, failureMessages } of assertionResults) {
    if (status === 'failed') console.log(failure(file, fullName, failureMessages[0]));
  }
}

function failure(file, test, message = '') {
  return `${relative(process.cwd(), file)}: ${test}: ${message.split('\n', 1)[0].slice(0, 400)}`;
}
