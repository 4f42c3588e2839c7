// A Vitest reporter. Writes to $NOISEFLEET_REPORT "PASSED FAILED SKIPPED", and after that a line for each failure: its file, its name and
// the first line of why. What fails outside of a test (a file that cannot be loaded, a hook of a suite, an error that nobody awaits) counts as one.
import { writeFileSync } from 'node:fs';

/** Longer ones are in the run's own output. Characters. */
const MAX_REASON = 400;
/** A file that cannot be loaded, or what is done before or after tests. */
const OUTSIDE = 'outside of its tests';

export default class {
  onTestRunEnd(modules, unhandled) {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const inState = (state) => tests.filter((test) => test.result().state === state);
    const outside = modules.flatMap((module) => [
      ...module.errors().map((error) => failure(module, OUTSIDE, error)),
      ...[...module.children.allSuites()].flatMap((suite) =>
        suite.errors().map((error) => failure(module, `${suite.fullName}: ${OUTSIDE}`, error)),
      ),
    ]);
    const failures = [
      ...outside,
      ...unhandled.map((error) => `an error that nobody awaits: ${reason(error)}`),
      ...inState('failed').map((test) => failure(test.module, test.fullName, test.result().errors[0])),
    ];
    const passed = inState('passed').length;
    const counts = [passed, failures.length, tests.length - passed - inState('failed').length];
    writeFileSync(process.env.NOISEFLEET_REPORT, `${[counts.join(' '), ...failures].join('\n')}\n`);
  }
}

function failure({ relativeModuleId }, name, error) {
  return `${relativeModuleId}: ${name}: ${reason(error)}`;
}

function reason(error) {
  return (error?.message ?? '').split('\n', 1)[0].slice(0, MAX_REASON);
}
