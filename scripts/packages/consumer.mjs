// Packs the packages, and makes the empty folders in which they are installed.
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { manifestOf, packageFolders } from '../lib/entries.mjs'
import { root } from '../lib/pnpm.mjs'
import { run } from './run.mjs'

const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/**
 * Packs every package as publishing would.
 * @param {string} folder
 * @returns {Promise<Record<string, string>>} package name → path of its tarball
 */
export async function packAll(folder) {
  mkdirSync(folder, { recursive: true })
  for (const name of packageFolders()) {
    if (!existsSync(join(root, 'packages', name, 'dist'))) {
      throw new Error(`packages/${name} has not been built. Run npm run build first.`)
    }
  }
  await run(
    'npx',
    ['-y', packageManager, '--recursive', '--filter', './packages/*', 'pack', '--pack-destination', folder],
    {
      cwd: root,
    },
  )
  const files = readdirSync(folder)
  return Object.fromEntries(
    packageFolders().map((name) => {
      const file = files.find((each) => each.startsWith(`msc-${name}-`))
      if (!file) throw new Error(`packages/${name} was not packed.`)
      return [manifestOf(name).name, join(folder, file)]
    }),
  )
}

/**
 * Installs packages in an empty folder: ours from their tarballs, also as dependencies, and all others from the
 * registry.
 * @param {{ folder: string, manager?: 'npm' | 'pnpm' | 'yarn', name: string, tarballs: Record<string, string>, beside?:
 *   Record<string, string>, yarn?: string }} options `name`: the package; `beside`: other packages to install.
 */
export async function install({ folder, manager = 'npm', name, tarballs, beside = {}, yarn }) {
  mkdirSync(folder, { recursive: true })
  const ours = Object.fromEntries(Object.entries(tarballs).map(([each, file]) => [each, `file:${file}`]))
  const pins = { npm: { overrides: ours }, yarn: { resolutions: ours }, pnpm: {} }[manager]
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({
      name: 'consumer',
      version: '1.0.0',
      private: true,
      type: 'module',
      dependencies: { [name]: ours[name], ...beside },
      ...pins,
    }),
  )
  if (manager === 'npm') {
    await run('npm', ['install', '--no-fund', '--no-audit', '--ignore-scripts', '--prefer-offline'], { cwd: folder })
  } else if (manager === 'yarn') {
    // Yarn's cache identifies a tarball by name and version, and would return that of an older build.
    const cache = join(folder, '.yarn-cache')
    await run(
      process.execPath,
      [yarn, 'install', '--silent', '--non-interactive', '--ignore-scripts', '--cache-folder', cache],
      {
        cwd: folder,
      },
    )
  } else {
    const overrides = Object.entries(ours).map(([each, spec]) => `  '${each}': '${spec}'`)
    writeFileSync(join(folder, 'pnpm-workspace.yaml'), `packages: ['.']\noverrides:\n${overrides.join('\n')}\n`)
    await run('npx', ['-y', packageManager, 'install', '--ignore-scripts', '--prefer-offline', '--silent'], {
      cwd: folder,
    })
  }
}
