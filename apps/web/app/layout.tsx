import type { Metadata, Viewport } from 'next'
import Link from 'next/link'
import type { ReactNode } from 'react'
import { Browser } from '@/components/browser'
import { Live } from '@/components/live'
import { Nav } from '@/components/nav'
import { Owner } from '@/components/owner'
import { SignOut } from '@/components/sign-out'
import { currentUser } from '@/lib/session/auth'
import { unreadCount } from '@/lib/notifications'
import { publicConfig } from '@/lib/public-config'
import './globals.css'

export const metadata: Metadata = {
  title: { default: 'MSC & Co', template: '%s · MSC & Co' },
  description: 'Music distribution for independent artists.',
}

export const viewport: Viewport = {
  themeColor: [
    { media: '(prefers-color-scheme: light)', color: '#fafaf9' },
    { media: '(prefers-color-scheme: dark)', color: '#0c0a09' },
  ],
}

export default async function RootLayout({ children }: { children: ReactNode }) {
  const user = await currentUser()
  const config = publicConfig()
  const unread = user ? await unreadCount(user) : 0
  return (
    <html lang="en">
      <body className="min-h-dvh" data-admin={user?.role === 'admin' ? '' : undefined}>
        <a href="#main" className="sr-only focus:not-sr-only focus:absolute focus:p-3">
          Skip to content
        </a>
        <Browser config={config} userId={user?.id} />
        <Owner userId={user?.id} />
        <header className="border-b border-stone-200 bg-white/80 backdrop-blur dark:border-stone-800 dark:bg-stone-950/80">
          <div className="mx-auto flex max-w-5xl flex-wrap items-center gap-x-2 gap-y-2 px-4 py-3 sm:gap-x-6">
            <Link href="/" className="flex items-center gap-2 font-semibold tracking-tight whitespace-nowrap">
              <Mark />
              MSC &amp; Co
            </Link>
            {user ? (
              <>
                <Nav admin={user.role === 'admin'} />
                <div className="ml-auto flex min-w-0 flex-1 items-center justify-end gap-1.5 text-sm sm:gap-3">
                  <Live key={user.id} config={config} userId={user.id} initialUnread={unread} />
                  <Link href="/account" className="quiet max-w-40 min-w-0 truncate hover:underline">
                    <bdi>{user.name}</bdi>
                  </Link>
                  <SignOut />
                </div>
              </>
            ) : (
              <Link href="/sign-in" className="button ml-auto">
                Sign in
              </Link>
            )}
          </div>
        </header>
        <main id="main" className="mx-auto max-w-5xl px-4 py-8">
          {children}
        </main>
      </body>
    </html>
  )
}

function Mark() {
  return (
    <svg
      viewBox="0 0 24 24"
      className="size-6 text-accent-700 dark:text-accent-400"
      fill="none"
      stroke="currentColor"
      strokeWidth="2.5"
      strokeLinecap="round"
      aria-hidden="true"
    >
      <path d="M4 10v4M8 6v12M12 9v6M16 4v16M20 10v4" />
    </svg>
  )
}
