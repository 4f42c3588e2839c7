// Prints "PASSED FAILED SKIPPED" of a Vitest JSON report. A suite that could not be loaded counts as one failure.
import { readFileSync } from 'node:fs';

const report = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const broken = report.testResults.filter(
  (file) => file.status === 'failed' && file.assertionResults.every((test) => test.status !== 'failed'),
).length;
const skipped = report.numPendingTests + (report.numTodoTests ?? 0);
console.log(report.numPassedTests, report.numFailedTests + broken, skipped);
