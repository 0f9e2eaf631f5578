/**
 * What a person has typed and not yet sent, kept in the tab: a page that is left by mistake loses nothing. It belongs to the one who
 * typed it, so it is shown to nobody else who uses the same tab.
 */
const PREFIX = 'msc-draft:'

const keyOf = (userId: string, form: string): string => `${PREFIX}${userId}:${form}`

export type Draft = Readonly<Record<string, string>>

export function keepDraft(userId: string, form: string, values: Draft): void {
  // A full or forbidden store costs the draft only.
  attempt(() => sessionStorage.setItem(keyOf(userId, form), JSON.stringify(values)))
}

export function readDraft(userId: string, form: string): Draft {
  const found = attempt((): unknown => JSON.parse(sessionStorage.getItem(keyOf(userId, form)) ?? 'null'))
  return Object.fromEntries(
    Object.entries(Object(found) as object).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  )
}

export function dropDraft(userId: string, form: string): void {
  attempt(() => sessionStorage.removeItem(keyOf(userId, form)))
}

/** Drops the drafts of everybody, or of everybody but one. */
export function dropDrafts(except?: string): void {
  attempt(() => {
    // `msc-new-release` is what earlier versions kept, which did not say whose it was.
    const kept = except === undefined ? undefined : keyOf(except, '')
    for (const key of Object.keys(sessionStorage)) {
      const isDraft = key.startsWith(PREFIX) || key === 'msc-new-release'
      if (isDraft && (kept === undefined || !key.startsWith(kept))) sessionStorage.removeItem(key)
    }
  })
}

function attempt<T>(use: () => T): T | undefined {
  try {
    return use()
  } catch {
    return undefined
  }
}
