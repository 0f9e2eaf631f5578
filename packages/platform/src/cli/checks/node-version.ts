import { fine, type Finding } from '../finding.ts'
import { satisfies } from '../version-range.ts'

/** @param engines The range of Node that the packages need: `>=22.13`. */
export function checkNodeVersion(version: string, engines: string): Finding {
  const found = version.replace(/^v/, '')
  if (satisfies(found, engines) !== false) return fine('node', found)
  return {
    check: 'node',
    status: 'error',
    code: 'NODE_UNSUPPORTED',
    subject: found,
    detail: `This is Node ${found}, and the @msc packages need Node ${engines}.`,
    hint: 'Install a supported Node, for example by `nvm install --lts`, and run the application with it.',
  }
}
