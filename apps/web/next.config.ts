import type { NextConfig } from 'next'

const config: NextConfig = {
  poweredByHeader: false,
  // These load WebAssembly, native or instrumented modules by path, which bundling breaks.
  serverExternalPackages: [
    '@electric-sql/pglite',
    '@sentry/node',
    '@supabase/supabase-js',
    '@upstash/redis',
    'inngest',
    'posthog-node',
    'ws',
  ],
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
