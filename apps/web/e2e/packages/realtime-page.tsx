// A page that shows the messages that it receives, for the tests beside it. It uses React's development build, whose
// StrictMode mounts every effect twice.
import { createRealtime } from '@msc/realtime'
import { embedded } from '@msc/realtime/embedded'
import { RealtimeProvider, useChannel, useConnection, useFeed, useNotifications } from '@msc/realtime/react'
import { shareTabs } from '@msc/realtime/tabs'
import { StrictMode, useState } from 'react'
import { createRoot } from 'react-dom/client'

interface Item {
  readonly id: string
  readonly n: number
  readonly read: boolean
}

const { apiKey, user, seconds, alone } = Object.fromEntries(new URLSearchParams(location.search)) as Record<
  string,
  string
>

async function getToken(signal: AbortSignal): Promise<string> {
  // A connection that is dead for the socket is dead for this request too. Written for old browsers, as a test removes from
  // this one what they lack.
  const ending = new AbortController()
  const timer = setTimeout(() => ending.abort(new Error('late')), 1000)
  signal.addEventListener('abort', () => ending.abort(signal.reason))
  const response = await fetch(`/token?user=${user}&seconds=${seconds}`, { signal: ending.signal })
  clearTimeout(timer)
  return response.text()
}

const driver = embedded({
  url: `${location.origin}/realtime/v1`,
  ...(apiKey && { apiKey }),
  fallback: true,
  heartbeatMs: 1000,
})
const client = createRealtime({ driver: alone ? driver : shareTabs(driver), getToken, timeoutMs: 5000 })

function Page() {
  const status = useConnection()
  const [rows, setRows] = useState<readonly number[]>([])
  const [gaps, setGaps] = useState(0)
  const [notes, setNotes] = useState<readonly string[]>([])
  useFeed<Item>(
    'items',
    user,
    ({ data }) => {
      setRows((all) => [...all, data.n])
      performance.mark(`row ${data.n}`)
    },
    () => setGaps((count) => count + 1),
  )
  const { ready, broadcast } = useChannel('room', {
    note: ({ text }) => setNotes((all) => [...all, String(text)]),
  })
  const { items, unread, permission, askPermission } = useNotifications<Item>({
    userId: user,
    table: 'items',
    load: async (signal) => (await fetch(`/items?user=${user}`, { signal })).json() as Promise<Item[]>,
    isRead: ({ read }) => read,
    show: ({ n }) => ({ title: `Number ${n}` }),
  })
  return (
    <>
      <p data-testid="status">{status}</p>
      <p data-testid="rows">{rows.join(' ')}</p>
      <p data-testid="gaps">{gaps}</p>
      <p data-testid="notes">{notes.join(' ')}</p>
      <p data-testid="ready">{String(ready)}</p>
      <p data-testid="unread">{`${unread} of ${items.length}`}</p>
      <p data-testid="permission">{permission}</p>
      <button type="button" onClick={() => void broadcast('note', { text: document.title })}>
        Say
      </button>
      <button type="button" onClick={() => void askPermission()}>
        Allow
      </button>
    </>
  )
}

createRoot(document.querySelector('main') as HTMLElement).render(
  <StrictMode>
    <RealtimeProvider client={client}>
      <Page />
    </RealtimeProvider>
  </StrictMode>,
)
