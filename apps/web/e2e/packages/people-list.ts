// The tests' server renders this list, and the page hydrates it. It has no JSX, because Playwright would compile that in its own way.
import { useNotifications } from '@msc/realtime/react'
import { createElement, type ReactNode } from 'react'

export interface Item {
  readonly id: string
  readonly n: number
  readonly read: boolean
}

export interface ListProps {
  /** It is `undefined` while nobody is signed in. */
  readonly user: string | undefined
  readonly items: readonly Item[]
  readonly from: string
  readonly load: (user: string) => Promise<readonly Item[]>
}

/** The items of a user, newest first. */
export function List({ user, items: initial, from, load }: ListProps): ReactNode {
  const { items, loaded } = useNotifications<Item>({
    userId: user,
    table: 'items',
    initial,
    from,
    load: () => load(user ?? ''),
    isRead: ({ read }) => read,
  })
  return createElement(
    'p',
    { 'data-testid': 'list', 'data-loaded': loaded },
    `${user ?? 'nobody'}: ${items.map(({ n }) => n).join(' ')}`,
  )
}
