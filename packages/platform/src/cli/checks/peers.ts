import type { Finding } from '../finding.ts'
import { satisfies } from '../version-range.ts'

/** An optional peer that a chosen driver loads and that the application has to install. */
export interface PeerFact {
  readonly concern: string
  readonly driver: string
  /** The name of the package, such as `ioredis`. */
  readonly peer: string
  /** The versions that the concern's package supports. */
  readonly range: string
  /** The installed version: `undefined` when the package is missing, `unknown` when its manifest can't be read. */
  readonly version: string | undefined
}

/** Finds packages that the chosen drivers need and that are missing or of another version. */
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
        detail: `${peer} ${version} is installed, but the driver ${driver} supports ${range}.`,
        hint: `Install a version that fits: ${install}`,
      },
    ]
  })
}

/** Quotes what a shell would interpret: `>` and spaces. */
function quoted(range: string): string {
  return /^[\w.^~-]+$/.test(range) ? range : `'${range}'`
}
