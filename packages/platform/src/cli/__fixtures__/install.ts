import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const PACKAGES = fileURLToPath(new URL('../../../../', import.meta.url))

export interface Installation {
  readonly folder: string
  /** Runs `msc` in the installation, as a separate process. */
  msc(
    args: readonly string[],
    env: Readonly<Record<string, string>>,
  ): Promise<{ code: number; out: string; error: string }>
  remove(): void
}

/** Installs the packages as a user does who installs nothing else: with their dependencies, and without any peer. */
export function installAlone(): Installation {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'msc-alone-')))
  mkdirSync(join(folder, 'node_modules', '@msc'), { recursive: true })
  for (const name of readdirSync(PACKAGES)) {
    const from = join(PACKAGES, name)
    // Beside `node_modules`, since Node strips no types from files below it.
    const to = join(folder, 'packages', name)
    cpSync(from, to, {
      recursive: true,
      filter: (path) => !/\/(?:node_modules|dist|\.turbo)$|\.test\.tsx?$/.test(path),
    })
    symlinkSync(to, join(folder, 'node_modules', '@msc', name))
    const { dependencies = {} } = JSON.parse(readFileSync(join(from, 'package.json'), 'utf8')) as {
      dependencies?: Record<string, string>
    }
    for (const dependency of Object.keys(dependencies).filter((each) => !each.startsWith('@msc/'))) {
      const link = join(folder, 'node_modules', dependency)
      mkdirSync(dirname(link), { recursive: true })
      rmSync(link, { force: true })
      symlinkSync(realpathSync(join(from, 'node_modules', dependency)), link)
    }
  }
  const bin = join(folder, 'packages', 'platform', 'bin', 'msc.mjs')
  return {
    folder,
    msc: (args, env) =>
      new Promise((resolve) => {
        const argv = ['--conditions=@msc/source', '--no-warnings', bin, ...args]
        execFile(
          process.execPath,
          argv,
          { cwd: folder, env: { PATH: process.env['PATH'], ...env } },
          (failure, out, error) => resolve({ code: failure ? Number(failure.code) : 0, out, error }),
        )
      }),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
