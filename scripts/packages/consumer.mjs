// Packs the packages, and makes the empty folders that they are installed in.
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { manifestOf, packageFolders } from '../lib/entries.mjs'
import { root } from '../lib/pnpm.mjs'
import { run } from './run.mjs'

const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/**
 * Packs every package as publishing would.
 * @param {string} folder
 * @returns {Promise<Record<string, string>>} names and the paths of their tarballs
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
 * Installs packages in an empty folder: a tarball for each of ours, whoever asks for it, and the registry for the rest.
 * @param {{ folder: string, manager?: 'npm' | 'pnpm' | 'yarn', name: string, tarballs: Record<string, string>,
 *   beside?: Record<string, string>, yarn?: string }} options `name`: the package; `beside`: what else is installed.
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
    // Its cache knows a tarball by name and version, and would hand out what an older build was.
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
