import type { KeptForm } from '@msc/platform'
import { forms } from '../route.ts'
import type { User } from '../session/session.ts'

export type Search = Promise<Record<string, string | string[] | undefined>>

const LOST: KeptForm = {
  values: {},
  title: 'This could not be sent',
  detail: 'What you typed could not be kept. Try again in a moment.',
  issues: [],
}

/** Returns the form that was refused and that the address names, if any. */
export async function recalled(
  { form }: Record<string, string | string[] | undefined>,
  user: User | undefined,
): Promise<KeptForm | undefined> {
  if (form === undefined) return undefined
  if (form === 'lost') return LOST
  return forms().recall(form, user)
}
