import { access, constants, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { FolderFact } from '../checks/folders.ts'

/** Returns the state of a folder on disk. Creates nothing. */
export async function folderState(path: string): Promise<FolderFact['state']> {
  try {
    if (!(await stat(path)).isDirectory()) return 'not-a-folder'
    await access(path, constants.W_OK | constants.X_OK)
    return 'writable'
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOTDIR') return 'not-a-folder'
    if (code !== 'ENOENT') return 'not-writable'
    const above = await folderState(dirname(resolve(path)))
    return above === 'writable' ? 'missing' : above
  }
}
