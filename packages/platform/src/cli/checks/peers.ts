import type { Finding } from '../finding.ts'
import { satisfies } from '../version-range.ts'

/** A package that a chosen driver loads and that the application installs. */
export interface PeerFact {
  readonly concern: string
  readonly driver: string
  /** Its name: `ioredis`. */
  readonly peer: string
  /** The versions that the concern's package works with. */
  readonly range: string
  /** The installed one; `undefined` where there is none, `unknown` where nothing says which. */
  readonly version: string | undefined
}

/** What the chosen drivers lack: nothing else needs to be installed. */
export function checkPeers(facts: readonly PeerFact[]): Finding[] {
  return facts.flatMap(({ concern, driver, peer, range, version }): Finding[] => {
    const install = `npm install ${peer}@${quoted(range)}`
    if (version === undefined) {
      return [
        {
          check: concern,
          status: 'error',
          code: 'PEER_MISSING',
          subject: driver,
          detail: `The driver ${driver} needs the package ${peer}, which is not installed.`,
          hint: `Install it: ${install}`,
        },
      ]
    }
    if (satisfies(version, range) !== false) return []
    return [
      {
        check: concern,
        status: 'warning',
        code: 'PEER_UNSUPPORTED',
        subject: driver,
        detail: `${peer} ${version} is installed, and the driver ${driver} is made for ${range}.`,
        hint: `Install a version that fits: ${install}`,
      },
    ]
  })
}

/** A shell reads `>` and spaces itself. */
function quoted(range: string): string {
  return /^[\w.^~-]+$/.test(range) ? range : `'${range}'`
}
