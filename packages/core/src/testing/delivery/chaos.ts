import { runScript, type ScriptResult } from './chaos-script.ts'

export interface ChaosOptions {
  /** The number of scripts. Default 1000. */
  readonly scripts?: number
  /** Script `n` has the seed `seed + n`, so that one of them can be run alone. */
  readonly seed: number
}

export interface ChaosReport {
  readonly seed: number
  readonly scripts: number
  /** The scripts in which a promise was broken. */
  readonly broken: readonly ScriptResult[]
  readonly pushed: number
  readonly delivered: number
  readonly dropped: number
  readonly checks: number
}

/** Runs random scripts against an outbox, in virtual time. */
export async function runDeliveryChaos({ scripts = 1000, seed }: ChaosOptions): Promise<ChaosReport> {
  const sums = { pushed: 0, delivered: 0, dropped: 0, checks: 0 }
  const broken: ScriptResult[] = []
  for (let script = 0; script < scripts; script++) {
    const result = await runScript(seed + script)
    sums.pushed += result.pushed
    sums.delivered += result.delivered
    sums.dropped += result.dropped
    sums.checks += result.checks
    if (result.violations.length > 0) broken.push(result)
  }
  return { seed, scripts, broken, ...sums }
}
