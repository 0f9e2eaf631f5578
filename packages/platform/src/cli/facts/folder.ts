import { access, constants, lstat, mkdtemp, rmdir, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { FolderFact } from '../checks/folders.ts'

/**
 * Returns the state of a folder on disk. Makes an empty folder in it, or in the nearest one above that exists, and removes it
 * again: permissions alone do not tell what a file system such as `/proc` refuses.
 */
export async function folderState(path: string): Promise<FolderFact['state']> {
  try {
    if (!(await stat(path)).isDirectory()) return 'not-a-folder'
    await access(path, constants.W_OK | constants.X_OK)
    await rmdir(await mkdtemp(join(path, '.msc-doctor-')))
    return 'writable'
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOTDIR') return 'not-a-folder'
    if (code !== 'ENOENT') return 'not-writable'
    // It is there, and so is a file system that lets nobody create anything, or it is a link to nothing.
    if (await isThere(path)) return (await isThere(`${path}/.`)) ? 'not-writable' : 'not-a-folder'
    const above = await folderState(dirname(resolve(path)))
    return above === 'writable' ? 'missing' : above
  }
}

async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  )
}
