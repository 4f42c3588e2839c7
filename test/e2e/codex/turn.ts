import { type FakeModel, type ModelStep, startFakeModel } from '../../interop/fake-model.ts';

/** Written by apply_patch on the executor. */
const PATCHED = 'written by apply_patch';

const patch = `*** Begin Patch
*** Add File: sub/patched.txt
+${PATCHED}
*** End Patch
`;

/**
 * A command that says where it runs, an edit of a file, and a command that sees it.
 *
 * @param marker file that tells a command in which image it runs
 */
function steps(marker: string): readonly ModelStep[] {
  return [
    () => ({ kind: 'exec', command: `echo "image $(cat ${marker}) host $(hostname) uid $(id -u) in $(pwd)"` }),
    () => ({ kind: 'patch', patch }),
    () => ({ kind: 'exec', command: 'echo "$(hostname) has $(cat sub/patched.txt)"' }),
  ];
}

/** A model that follows `steps`. */
export function startModel(marker: string): Promise<FakeModel> {
  return startFakeModel(steps(marker));
}

/** What the tools must have said after a whole turn. */
export function wholeTurn(where: { image: string; host: string; uid: number; workspace: string }): readonly RegExp[] {
  return [
    new RegExp(`image ${where.image} host ${where.host} uid ${where.uid} in ${where.workspace}\\b`),
    /sub\/patched\.txt/,
    new RegExp(`${where.host} has ${PATCHED}`),
  ];
}
