import { getJournal } from '@msc/core'
import { createConsole } from '@msc/devtools'
import { platform } from '@/lib/platform'
import { userOf } from '@/lib/session/session'

/** For admins; everybody else gets 404. */
export const GET = createConsole({
  journal: getJournal,
  basePath: '/devtools',
  authorize: async (request) => (await userOf(request.headers.get('cookie')))?.role === 'admin',
  health: async () => (await platform().health()).services,
})
