'use client'

import Link from 'next/link'
import { usePathname } from 'next/navigation'

const links = [
  { href: '/', label: 'Overview' },
  { href: '/releases', label: 'Releases' },
]
const artistLinks = [{ href: '/subscription', label: 'Subscription' }]
const adminLinks = [
  { href: '/admin/accounts', label: 'Accounts' },
  { href: '/admin/sign-ins', label: 'Sign-ins' },
  { href: '/admin/systems', label: 'Systems' },
  { href: '/devtools', label: 'Devtools' },
]

export function Nav({ admin }: { admin: boolean }) {
  const path = usePathname()
  return (
    <nav aria-label="Main" className="order-last flex w-full flex-wrap gap-1 text-sm sm:order-none sm:w-auto">
      {[...links, ...(admin ? adminLinks : artistLinks)].map(({ href, label }) => {
        const current = href === '/' ? path === '/' : path.startsWith(href)
        const className = `rounded-md px-3 py-1.5 whitespace-nowrap transition-colors ${current ? 'bg-stone-100 font-medium dark:bg-stone-800' : 'quiet hover:bg-stone-100 dark:hover:bg-stone-800'}`
        // The console is not part of the app's React tree.
        return href === '/devtools' ? (
          <a key={href} href={href} className={className}>
            {label}
          </a>
        ) : (
          <Link key={href} href={href} className={className} aria-current={current ? 'page' : undefined}>
            {label}
          </Link>
        )
      })}
    </nav>
  )
}
