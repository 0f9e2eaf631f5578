/**
 * Runs the steps of a close one after the other, each whatever became of those before: what one can't let go of must not keep
 * what the others hold.
 *
 * @throws what failed first, when all have run.
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
