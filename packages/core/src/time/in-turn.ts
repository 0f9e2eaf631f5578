/**
 * Runs the steps of a close one after the other. A failed step does not stop the next, so that one resource that can't be
 * released does not keep the others.
 *
 * @throws the first failure, after all steps have run.
 */
export async function inTurn(...steps: readonly (() => unknown)[]): Promise<void> {
  const failures: unknown[] = []
  for (const step of steps) {
    try {
      await step()
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw failures[0]
}
