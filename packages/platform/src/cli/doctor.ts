import { processEnv, type Env } from '@msc/core'
import { checkNodeVersion } from './checks/node-version.ts'
import { manifestOf, readManifest } from './facts/installed.ts'
import { worstOf, type Finding } from './finding.ts'
import { asJson, asText } from './report.ts'
import { secretHider, type SecretHider } from './without-secrets.ts'

export interface DoctorOptions {
  readonly json?: boolean
  /** Makes warnings fail too. */
  readonly strict?: boolean
  /** Milliseconds for each round trip; all run at once. A function is called when they begin. Default 2 500. */
  readonly timeoutMs?: number | (() => number)
  /** The application's configuration, relative to `folder`. Default: `msc.config.*`, if there is one. */
  readonly configFile?: string | undefined
  readonly env?: Env
  /** The application's folder. Default: the working folder. */
  readonly folder?: string
  readonly nodeVersion?: string
  /** Wall time, in milliseconds since the epoch. */
  readonly now?: () => number
  readonly write?: (text: string) => void
}

export interface Diagnosis {
  /** 0: nothing is wrong. 1: something is down or wrong, or with `strict` there is a warning. */
  readonly exitCode: 0 | 1
  /** Closes the services that were made for the checks. The report is written by then. Never rejects. */
  close(): Promise<unknown>
}

/**
 * Runs all checks and writes the report: as JSON when everything is known; as text one line for each finding, with
 * those of the backends as soon as they have answered.
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
    { who: 'The @msc packages need', range: String(manifest.engines?.['node'] ?? '*') },
    {
      who: 'The application, by the `engines` of its package.json, needs',
      // A number is a mistake that package managers overlook, and so does the doctor.
      range: String(application?.engines?.['node'] ?? '*'),
    },
  ])
  tell([node])
  let close: Diagnosis['close'] = async () => undefined
  // On a Node that is too old the packages may not load at all, and their errors would mislead.
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

/** The message of a backend or a library may repeat an address with its password. */
function withoutSecrets(finding: Finding, hide: SecretHider): Finding {
  const { detail, hint } = finding
  return {
    ...finding,
    ...(detail !== undefined && { detail: hide.inAddresses(hide.values(detail)) }),
    // Hints are our own text, in which an address with a user and a password is an example.
    ...(hint !== undefined && { hint: hide.values(hint) }),
  }
}
