import { dirname, resolve } from 'node:path'

/**
 * Makes a folder and those above it that are missing; returns its real path. Not by `mkdirSync` with `recursive`, which takes an
 * ENOENT for a missing folder above, and so never returns below `/proc`, which answers that to everything.
 *
 * @throws The error of the file system: ENOTDIR for a file in the way, ENOENT for a link that leads nowhere, EACCES, EROFS, ENOSPC.
 */
export function makeFolder(folder: string): string {
  const { accessSync, constants, mkdirSync, readdirSync, realpathSync, statSync } = process.getBuiltinModule('node:fs')
  const missing: string[] = []
  let path = resolve(folder)
  // The root is its own parent, and exists.
  while (!statSync(path, { throwIfNoEntry: false }) && dirname(path) !== path) {
    missing.push(path)
    path = dirname(path)
  }
  for (const each of missing.reverse()) {
    try {
      mkdirSync(each)
    } catch (error) {
      // Another process may have made it in this moment. What else stands there, such as a link to nothing, fails below.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
  const made = realpathSync(folder)
  // A file is no folder: reading it as one says so.
  readdirSync(made)
  accessSync(made, constants.W_OK | constants.X_OK)
  return made
}
