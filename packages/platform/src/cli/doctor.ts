import { processEnv, type Env } from '@msc/core'
import { checkNodeVersion } from './checks/node-version.ts'
import { manifestOf } from './facts/installed.ts'
import { worstOf, type Finding } from './finding.ts'
import { asJson, asText } from './report.ts'
import { secretHider, type SecretHider } from './without-secrets.ts'

export interface DoctorOptions {
  readonly json?: boolean
  /** Warnings fail too. */
  readonly strict?: boolean
  /** Milliseconds for each round trip; all are made at once. Default 2 500. */
  readonly timeoutMs?: number
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

/** Looks at everything, and writes the report: a line for each finding, or JSON. */
export async function doctor(options: DoctorOptions = {}): Promise<Diagnosis> {
  const { env = processEnv(), folder = process.cwd(), timeoutMs = 2500, now = Date.now, strict = false } = options
  const { write = (text: string) => process.stdout.write(text), nodeVersion = process.version } = options
  const { manifest } = await manifestOf('@msc/platform')
  const node = checkNodeVersion(nodeVersion, manifest.engines?.['node'] ?? '*')
  // On a Node that is too old the packages may not even load, and what they say would mislead.
  const { findings, close } =
    node.status === 'error'
      ? { findings: [], close: async () => undefined }
      : await (await import('./examine.ts')).examine({ env, folder, configFile: options.configFile, timeoutMs, now })
  const hide = secretHider(env)
  const all = [node, ...findings].map((finding) => hideIn(finding, hide))
  const worst = worstOf(all)
  const exitCode = worst === 'error' || (strict && worst === 'warning') ? 1 : 0
  write(options.json ? asJson(all, { exitCode, checkedAt: now() }) : asText(all))
  return { exitCode, close }
}

/** What a backend or a library said may repeat an address with its password. */
function hideIn(finding: Finding, hide: SecretHider): Finding {
  const { detail, hint } = finding
  return {
    ...finding,
    ...(detail !== undefined && { detail: hide.inAddresses(hide.values(detail)) }),
    // Our own words, in which an address with a user and a password is an example.
    ...(hint !== undefined && { hint: hide.values(hint) }),
  }
}
