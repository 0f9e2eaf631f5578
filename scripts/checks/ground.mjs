// Fails when a package uses its own timer, the console or `instanceof` with an error instead of what @msc/core offers.
// Each of these has ended a process, lost an error or put one person's name on another's error.
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

const RULES = [
  {
    what: 'a timer that is not the clock\u2019s: use `Clock`, or `systemClock` of @msc/core',
    pattern: /(?<![.\w])set(?:Timeout|Interval)\(/,
    // The clock itself; code that keeps a process alive on purpose; pages that wait for an idle moment before they load
    // core; code that a page loads late, which may use nothing of core that it loads first.
    allowed: [
      'core/src/time/clock.ts',
      'jobs/src/run-worker.ts',
      'analytics/src/browser.ts',
      'monitoring/src/browser.ts',
      'realtime/src/base/signals.ts',
    ],
  },
  {
    what: '`AbortSignal.timeout`, which a test\u2019s clock can not move and whose listeners may end the process: use `deadline`',
    pattern: /AbortSignal\.timeout\(/,
    // These signals stay inside the package: neither a driver nor the application can listen to them.
    allowed: ['cache/src/drivers/upstash.ts'],
  },
  {
    what: '`AbortSignal.any`, which the edge runtime of Next.js lacks: use `anySignal`',
    pattern: /AbortSignal\.any\(/,
    allowed: [],
  },
  {
    what: 'a listener that ends with a signal, by which Node keeps all that it refers to for as long as the process lives: take it off',
    pattern: /addEventListener\??\.?\(.*\bsignal(?:: .*)?\s*\}/,
    // Events of a page, and where there is no `AbortSignal.any`: neither is Node.
    allowed: ['realtime/src/base/page.ts', 'core/src/time/any-signal.ts'],
  },
  {
    what: 'a variable that is not trimmed, as Windows shells and CRLF files leave a space or a line break behind it: use `readEnv`',
    pattern: /\b(?:env|processEnv\(\))\[/,
    // The first is `readEnv` itself, the second splits at white space, the third refuses it.
    allowed: ['core/src/contract/env.ts', 'core/src/delivery/ending/host-process.ts', 'cron/src/drivers/vercel.ts'],
  },
  {
    what: 'an interval measured by the wall clock: use `clock.monotonic()`',
    pattern: /Date\.now\(\)\s*-|-\s*Date\.now\(\)/,
    allowed: [],
  },
  {
    what: 'the console: use `reportFailure` or the `report` of the service, which redact, and report a failure once',
    pattern: /\bconsole\.(?:log|info|warn|error|debug)\(/,
    // The default reporter, notices at the start, a fatal error as Node prints it, and output that the user asked for.
    allowed: [
      'core/src/errors/print-failure.ts',
      'core/src/contract/env.ts',
      'core/src/delivery/ending/host-process.ts',
      'monitoring/src/drivers/local.ts',
    ],
  },
  {
    what: '`instanceof Error`, which throws for a revoked proxy: use `isError` or `toError` of @msc/core',
    pattern: /instanceof Error\b/,
    // The check is guarded here, or we made the value ourselves.
    allowed: [
      'core/src/errors/errors.ts',
      'core/src/redact/values/kinds.ts',
      'core/src/delivery/ending/host-process.ts',
      'realtime/src/phoenix/phoenix-socket.ts',
    ],
  },
  {
    what: '`instanceof` one of our errors, which fails for one of another copy of @msc/core: use its `isInstance`',
    pattern: /instanceof (?:Msc|Config|Validation|Deadline|Unavailable|Driver)Error\b/,
    // Checks the error of a deadline that the same module has set.
    allowed: ['core/src/service/service.ts'],
  },
  {
    what: 'members of a thrown value, whose getters may throw: use `readField` or `toError` of @msc/core',
    pattern: /(?<!\w)Object\((?:error|cause|thrown|failure)\)/,
    // Inside a `try` that handles all of it.
    allowed: ['core/src/delivery/sink/read-failure.ts', 'core/src/http/request-failure.ts'],
  },
]
const NOT_SHIPPED = /\.test\.tsx?$|\/(?:testing|__fixtures__|e2e|cli)\//

const problems = readdirSync('packages').flatMap((name) =>
  readdirSync(join('packages', name, 'src'), { recursive: true })
    .map((file) => join(name, 'src', file))
    .filter((file) => /\.tsx?$/.test(file) && !NOT_SHIPPED.test(`/${file}`))
    .flatMap(problemsOf),
)

function problemsOf(file) {
  const lines = readFileSync(join('packages', file), 'utf8').split('\n')
  return RULES.flatMap(({ what, pattern, allowed }) =>
    allowed.includes(file)
      ? []
      : lines.flatMap((line, index) =>
          pattern.test(line.replace(/^\s*(?:\/\/|\*|\/\*).*$/, '')) ? [`packages/${file}:${index + 1}: ${what}`] : [],
        ),
  )
}

if (problems.length > 0) {
  console.error(problems.join('\n'))
  process.exit(1)
}
