import { fine, type Finding } from '../finding.ts'
import { satisfies } from '../version-range.ts'

/** A Node version range that a manifest requires with `engines`. */
export interface NodeNeed {
  /** The beginning of a sentence, such as `The @msc packages need`. */
  readonly who: string
  readonly range: string
}

export function checkNodeVersion(version: string, needs: readonly NodeNeed[]): Finding {
  const found = version.replace(/^v/, '')
  const unmet = needs.find(({ range }) => satisfies(found, range) === false)
  if (!unmet) return fine('node', found)
  return {
    check: 'node',
    status: 'error',
    code: 'NODE_UNSUPPORTED',
    subject: found,
    detail: `This is Node ${found}. ${unmet.who} Node ${unmet.range}.`,
    hint: 'Install a supported Node, for example by `nvm install --lts`, and run the application with it.',
  }
}
