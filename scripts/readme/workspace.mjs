// Makes a folder in which the workspace's packages and their dependencies are found as if they were installed.
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { manifestOf, packageFolders } from '../lib/entries.mjs'
import { root } from '../lib/pnpm.mjs'

/**
 * Links the packages and everything in the `node_modules` of their folders.
 * @param {string} folder is created, or emptied first
 */
export function linkWorkspace(folder) {
  rmSync(folder, { recursive: true, force: true })
  const link = (name, target) => {
    const path = join(folder, 'node_modules', name)
    if (existsSync(path)) return
    mkdirSync(dirname(path), { recursive: true })
    symlinkSync(target, path)
  }
  for (const package_ of packageFolders()) link(manifestOf(package_).name, join(root, 'packages', package_))
  for (const home of [...packageFolders().map((name) => join('packages', name)), join('apps', 'web')]) {
    const modules = join(root, home, 'node_modules')
    for (const name of existsSync(modules) ? readdirSync(modules) : []) {
      if (name.startsWith('.')) continue
      const names = name.startsWith('@') ? readdirSync(join(modules, name)).map((each) => `${name}/${each}`) : [name]
      for (const each of names) link(each, join(modules, each))
    }
  }
}
