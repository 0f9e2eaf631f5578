// What a new notification does outside the page, loaded with the first of them.
import type { UseNotificationsOptions, NotificationRow, ShownNotification } from './use-notifications.ts'

/** The others hear of it this many milliseconds later at most. */
const HEARD_MS = 2000

/**
 * By one tab only, and outside the page only while nobody looks at it. A tab that may not play, as nobody has clicked in it yet,
 * leaves it to the next.
 *
 * @returns False where the browser shows none for this page.
 */
export async function announce(
  id: string,
  shown: ShownNotification | undefined,
  sound: UseNotificationsOptions<NotificationRow>['sound'],
  sleep: (ms: number) => Promise<void>,
): Promise<boolean> {
  let isShown = true
  await inTurn(`msc-notification:${id}`, sleep, async () => {
    if (shown && document.visibilityState === 'hidden') isShown = await show(id, shown)
    return play(sound)
  })
  return isShown
}

/** False where the page could show none. */
async function show(id: string, { title, url, body, icon, ...rest }: ShownNotification): Promise<boolean> {
  if (typeof Notification === 'undefined' || Notification.permission !== 'granted') return true
  // With a tag the browser shows it once, whoever else says it.
  const options = { ...rest, ...(body !== undefined && { body }), ...(icon !== undefined && { icon }), tag: id }
  try {
    const notification = new Notification(title, options)
    notification.addEventListener('click', () => {
      window.focus()
      if (url !== undefined) window.location.assign(url)
      notification.close()
    })
    return true
  } catch {
    // Chrome on Android shows those of a service worker alone: https://crbug.com/481856
    const worker = await workerOf()
    await worker?.showNotification(title, { ...options, data: { ...(url !== undefined && { url }) } })
    return worker !== undefined
  }
}

/** The page's service worker, where it has one. */
export async function workerOf(): Promise<ServiceWorkerRegistration | undefined> {
  const { serviceWorker } = navigator as { readonly serviceWorker?: ServiceWorkerContainer }
  return serviceWorker?.getRegistration().catch(() => undefined)
}

/** False where the browser does not let this tab play. */
async function play(sound: UseNotificationsOptions<NotificationRow>['sound']): Promise<boolean> {
  if (typeof sound !== 'string') {
    sound?.()
    return true
  }
  return new Audio(sound).play().then(
    () => true,
    () => false,
  )
}

/** One tab after the other, until one of them has done it. */
async function inTurn(name: string, sleep: (ms: number) => Promise<void>, run: () => Promise<boolean>): Promise<void> {
  const { locks } = navigator as { locks?: LockManager }
  if (!locks) return void (await run())
  const done = `${name}:done`
  await locks.request(name, async () => {
    const isDone = await locks.request(done, { ifAvailable: true }, (lock) => lock === null)
    if (isDone || !(await run())) return
    // Held for those whose turn comes later, and had before the next of them is asked.
    await new Promise<void>((resolve, reject) => {
      const hold = (): Promise<void> => {
        resolve()
        return sleep(HEARD_MS)
      }
      locks.request(done, hold).catch(reject)
    })
  })
}
