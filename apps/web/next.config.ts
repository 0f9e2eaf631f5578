import { fileURLToPath } from 'node:url'
import type { NextConfig } from 'next'

/** Next.js compiles this file, and its `import.meta.resolve` may return a path instead of a URL. */
function pathOf(module: string): string {
  const resolved = import.meta.resolve(module)
  return resolved.startsWith('file:') ? fileURLToPath(resolved) : resolved
}

const config: NextConfig = {
  poweredByHeader: false,
  experimental: {
    useCache: true,
    // No page has a body. The server refuses those; behind another one, Next.js keeps no more than this of each.
    proxyClientMaxBodySize: 1024,
  },
  // Next.js stores its cache in the app's own cache, so that all instances share it.
  cacheHandlers: {
    default: pathOf('@msc/cache/next/use-cache'),
    remote: pathOf('@msc/cache/next/use-cache'),
  },
  cacheHandler: pathOf('@msc/cache/next/isr'),
  cacheMaxMemorySize: 0,
  // No page shows an image of another size, and what makes them reads any address of this server for whoever asks.
  images: { unoptimized: true },
  // These load WebAssembly, native or instrumented modules by path, which bundling breaks.
  serverExternalPackages: [
    '@electric-sql/pglite',
    '@sentry/node',
    '@supabase/supabase-js',
    '@upstash/redis',
    'ioredis',
    'inngest',
    'posthog-node',
    'ws',
  ],
  async rewrites() {
    // Browsers request this path until they have read the page's own icon.
    return [{ source: '/favicon.ico', destination: '/icon.svg' }]
  },
  async headers() {
    return [
      {
        source: '/:path*',
        headers: [
          { key: 'X-Content-Type-Options', value: 'nosniff' },
          { key: 'X-Frame-Options', value: 'DENY' },
          { key: 'Referrer-Policy', value: 'strict-origin-when-cross-origin' },
          { key: 'Permissions-Policy', value: 'camera=(), microphone=(), geolocation=()' },
        ],
      },
    ]
  },
}

export default config
