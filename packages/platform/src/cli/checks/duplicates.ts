import { fine, type Finding } from '../finding.ts'

/** One installed copy of a package. */
export interface InstalledCopy {
  readonly name: string
  readonly version: string
  readonly path: string
}

/** A process that loads two versions of a package has two default instances of it, without any error. */
export function checkDuplicates(copies: readonly InstalledCopy[]): Finding[] {
  const byName = new Map<string, InstalledCopy[]>()
  for (const copy of copies) byName.set(copy.name, [...(byName.get(copy.name) ?? []), copy])
  const doubled = [...byName].filter(([, found]) => new Set(found.map(({ version }) => version)).size > 1)
  if (doubled.length === 0) return byName.size > 0 ? [fine('packages', `${byName.size} @msc packages`)] : []
  return doubled.map(([name, found]) => ({
    check: 'packages',
    status: 'warning',
    code: 'PACKAGE_DUPLICATED',
    subject: name,
    detail: `${name} is installed in several versions: ${found.map(({ version, path }) => `${version} in ${path}`).join(', ')}. State that is set in one copy is missing in the other.`,
    hint: `Use one version everywhere: \`npm ls ${name}\` shows which package requires which version, and \`npm dedupe\` (or \`pnpm dedupe\`) merges them.`,
  }))
}
