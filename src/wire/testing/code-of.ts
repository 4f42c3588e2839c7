/** The `code` of what a call throws; `undefined` when it throws nothing. */
export function codeOf(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    if (error instanceof Error && 'code' in error) return error.code;
    throw error;
  }
  return undefined;
}

/** The same of a promise. */
export async function rejectionCodeOf(promise: Promise<unknown>): Promise<unknown> {
  const settled = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  return codeOf(() => {
    if (settled !== undefined) throw settled;
  });
}
