import { fine, type Finding } from '../finding.ts'

/** The state on disk of a folder that is written to. */
export interface FolderFact {
  readonly path: string
  readonly keeps: string
  readonly variable: string | undefined
  /**
   * `missing`: it does not exist, and can be created. `not-writable`: this user may not write to it, or may not create
   * it. `not-a-folder`: it, or a folder above it, is a file or a link that leads nowhere.
   */
  readonly state: 'writable' | 'missing' | 'not-writable' | 'not-a-folder'
}

const WRONG: Readonly<Record<'not-writable' | 'not-a-folder', string>> = {
  'not-writable': 'is not writable for this user',
  'not-a-folder': 'is not a folder, or is below something that is none',
}

/** Finds folders that can neither be written to nor created. */
export function checkFolders(facts: readonly FolderFact[]): Finding[] {
  return facts.map(({ path, keeps, variable, state }): Finding => {
    if (state === 'writable' || state === 'missing') {
      return fine('folders', state === 'missing' ? `${path} (created on first use)` : path)
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
          : `Move away what stands there and run \`mkdir -p ${path}\`${elsewhere}.`,
    }
  })
}
