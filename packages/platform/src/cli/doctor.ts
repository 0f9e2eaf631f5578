import { processEnv, type Env } from '@msc/core'
import { checkNodeVersion } from './checks/node-version.ts'
import { manifestOf, readManifest } from './facts/installed.ts'
import { worstOf, type Finding } from './finding.ts'
import { asJson, asText } from './report.ts'
import { secretHider, type SecretHider } from './without-secrets.ts'

export interface DoctorOptions {
  readonly json?: boolean
  /** Warnings fail too. */
  readonly strict?: boolean
  /** Milliseconds for each round trip; all are made at once. A function is asked when they begin. Default 2 500. */
  readonly timeoutMs?: number | (() => number)
  /** The application's configuration, relative to `folder`. Default: `msc.config.*`, where there is one. */
  readonly configFile?: string | undefined
  readonly env?: Env
  /** The application's folder. Default: the working folder. */
  readonly folder?: string
  readonly nodeVersion?: string
  /** Wall time, milliseconds since the epoch. */
  readonly now?: () => number
  readonly write?: (text: string) => void
}

export interface Diagnosis {
  /** 0: nothing is wrong. 1: something is down or wrong, or with `strict` a warning was given. */
  readonly exitCode: 0 | 1
  /** Lets go of what was made to ask; the report is written by then. Never rejects. */
  close(): Promise<unknown>
}

/**
 * Looks at everything, and writes the report: JSON when all is known; for people a line for each finding, what the
 * backends answer as soon as they have.
 */
export async function doctor(options: DoctorOptions = {}): Promise<Diagnosis> {
  const { env = processEnv(), folder = process.cwd(), timeoutMs = 2500, now = Date.now, strict = false } = options
  const { write = (text: string) => process.stdout.write(text), nodeVersion = process.version } = options
  const hider = secretHider(env)
  const findings: Finding[] = []
  const tell = (more: readonly Finding[]): void => {
    const shown = more.map((finding) => withoutSecrets(finding, hider))
    findings.push(...shown)
    if (!options.json) write(asText(shown))
  }

  const { manifest } = await manifestOf('@msc/platform')
  const application = await readManifest(folder)
  const node = checkNodeVersion(nodeVersion, [
    { who: 'The @msc packages need', range: manifest.engines?.['node'] ?? '*' },
    {
      who: 'The application, by the `engines` of its package.json, needs',
      range: application?.engines?.['node'] ?? '*',
    },
  ])
  tell([node])
  let close: Diagnosis['close'] = async () => undefined
  // On a Node that is too old the packages may not even load, and what they say would mislead.
  if (node.status !== 'error') {
    const { examine } = await import('./examine.ts')
    const patience = typeof timeoutMs === 'number' ? timeoutMs : timeoutMs()
    const examined = examine({ env, folder, configFile: options.configFile, timeoutMs: patience, now })
    close = examined.close
    tell(await examined.backends)
    tell(await examined.surroundings)
  }
  const worst = worstOf(findings)
  const exitCode = worst === 'error' || (strict && worst === 'warning') ? 1 : 0
  if (options.json) write(asJson(findings, { exitCode, checkedAt: now() }))
  return { exitCode, close }
}

/** What a backend or a library said may repeat an address with its password. */
function withoutSecrets(finding: Finding, hide: SecretHider): Finding {
  const { detail, hint } = finding
  return {
    ...finding,
    ...(detail !== undefined && { detail: hide.inAddresses(hide.values(detail)) }),
    // Our own words, in which an address with a user and a password is an example.
    ...(hint !== undefined && { hint: hide.values(hint) }),
  }
}
