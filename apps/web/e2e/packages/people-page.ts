// A page that a server has rendered, in which people sign in and out, for the tests beside it. React's development build:
// StrictMode mounts every effect twice.
import { createRealtime } from '@msc/realtime'
import { embedded } from '@msc/realtime/embedded'
import { RealtimeProvider, useChannel, usePresence } from '@msc/realtime/react'
import { shareTabs } from '@msc/realtime/tabs'
import { createElement, StrictMode, useState, type ComponentProps, type ReactNode } from 'react'
import { hydrateRoot } from 'react-dom/client'
import { List, type Item } from './people-list.ts'

interface Rendered {
  readonly user: string
  readonly items: readonly Item[]
  readonly from: string
}
const rendered = JSON.parse(document.querySelector('#rendered')?.textContent ?? '') as Rendered
const { apiKey } = Object.fromEntries(new URLSearchParams(location.search)) as Record<string, string>
/** All that was ever to be seen, in order. */
const shown: string[] = []
Object.assign(globalThis, { shown })
const main = document.querySelector('main') as HTMLElement
const look = (): void => void (shown.at(-1) !== main.innerText && shown.push(main.innerText))
look()
new MutationObserver(look).observe(main, { subtree: true, childList: true, characterData: true })

let now: string | undefined = rendered.user
const text = async (path: string): Promise<string> => (await fetch(path)).text()
const driver = embedded({ url: `${location.origin}/realtime/v1`, ...(apiKey && { apiKey }), heartbeatMs: 1000 })
const client = createRealtime({
  driver: shareTabs(driver),
  getToken: async () => (now === undefined ? undefined : text(`/token?user=${now}&seconds=3600`)),
  timeoutMs: 5000,
})
const load = async (user: string): Promise<Item[]> => JSON.parse(await text(`/items?user=${user}`)) as Item[]

function Page(): ReactNode {
  const [user, setUser] = useState<string | undefined>(rendered.user)
  const [notes, setNotes] = useState<readonly string[]>([])
  const here = usePresence('lobby', user, { user })
  const { broadcast } = useChannel('lobby', { note: ({ text: said }) => setNotes((all) => [...all, String(said)]) })
  const become = (next: string | undefined) => () => {
    now = next
    setUser(next)
    void client.refreshToken()
  }
  const button = (label: string, onClick: () => void): ReactNode =>
    createElement('button', { key: label, type: 'button', onClick }, label)
  return [
    createElement(List, { key: 'list', user, items: rendered.items, from: rendered.from, load }),
    createElement('p', { key: 'here', 'data-testid': 'here' }, Object.keys(here).sort().join(' ')),
    createElement('p', { key: 'notes', 'data-testid': 'notes' }, notes.join(' ')),
    button('Sign out', become(undefined)),
    button('Bo', become('bo')),
    button('Say', () => void broadcast('note', { text: now ?? 'nobody' })),
  ]
}

const app = createElement(
  StrictMode,
  undefined,
  createElement(RealtimeProvider, { client } as ComponentProps<typeof RealtimeProvider>, createElement(Page)),
)
hydrateRoot(main, app, { onRecoverableError: (error) => Object.assign(globalThis, { hydrationError: String(error) }) })
