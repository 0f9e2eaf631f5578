import { fine, type Finding } from '../finding.ts'

/** A folder that is written to, as it is on disk. */
export interface FolderFact {
  readonly path: string
  readonly keeps: string
  readonly variable: string | undefined
  /**
   * What is there. `missing`: nothing, and it can be made. `not-writable`: this user may not write to it, or may not make
   * it. `not-a-folder`: it, or what should be above it, is a file.
   */
  readonly state: 'writable' | 'missing' | 'not-writable' | 'not-a-folder'
}

const WRONG: Readonly<Record<'not-writable' | 'not-a-folder', string>> = {
  'not-writable': 'can not be written to by this user',
  'not-a-folder': 'is no folder, or lies below something that is none',
}

/** Folders that can neither be written to nor made. */
export function checkFolders(facts: readonly FolderFact[]): Finding[] {
  return facts.map(({ path, keeps, variable, state }): Finding => {
    if (state === 'writable' || state === 'missing') {
      return fine('folders', state === 'missing' ? `${path} (made on first use)` : path)
    }
    const elsewhere = variable === undefined ? '' : `, or set ${variable} to another folder`
    return {
      check: 'folders',
      status: 'error',
      code: 'FOLDER_UNUSABLE',
      subject: path,
      detail: `${path}, which keeps ${keeps}, ${WRONG[state]}.`,
      hint:
        state === 'not-writable'
          ? `Give it to the user that runs the application (\`chown\`)${elsewhere}.`
          : `Move the file away and run \`mkdir -p ${path}\`${elsewhere}.`,
    }
  })
}
