// What a new notification does outside the page, loaded with the first of them.
import type { UseNotificationsOptions, NotificationRow, ShownNotification } from './use-notifications.ts'

/** The others hear of it this many milliseconds later at most. */
const HEARD_MS = 2000

/** By one tab only, and outside the page only while nobody looks at it. */
export async function announce(
  id: string,
  shown: ShownNotification | undefined,
  sound: UseNotificationsOptions<NotificationRow>['sound'],
  sleep: (ms: number) => Promise<void>,
): Promise<void> {
  await alone(`msc-notification:${id}`, async () => {
    const isAllowed = typeof Notification !== 'undefined' && Notification.permission === 'granted'
    if (shown && isAllowed && document.visibilityState === 'hidden') {
      const { title, url, ...rest } = shown
      // With a tag the browser shows it once, whoever else says it.
      const notification = new Notification(title, { ...rest, tag: id })
      notification.addEventListener('click', () => {
        window.focus()
        if (url !== undefined) window.location.assign(url)
        notification.close()
      })
    }
    if (typeof sound === 'string') await new Audio(sound).play()
    else sound?.()
    await sleep(HEARD_MS)
  })
}

async function alone(name: string, run: () => Promise<void>): Promise<void> {
  const { locks } = navigator as { locks?: LockManager }
  if (!locks) return run()
  await locks.request(name, { ifAvailable: true }, async (lock) => {
    if (lock) await run()
  })
}
