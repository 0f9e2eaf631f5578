import { getJournal } from '@msc/core'
import { createConsole } from '@msc/devtools'
import { platform } from '@/lib/platform'
import { realtimeSlot } from '@/lib/realtime-server'
import { userOf } from '@/lib/session/session'

/** For admins; everybody else gets 404. A form of its realtime pages is posted here too. */
const console = createConsole({
  journal: getJournal,
  basePath: '/devtools',
  authorize: async (request) => (await userOf(request.headers.get('cookie')))?.role === 'admin',
  health: async () => (await platform().health()).services,
  realtime: () => realtimeSlot().server,
})

export { console as GET, console as POST }
