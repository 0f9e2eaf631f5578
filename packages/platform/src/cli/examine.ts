import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { isAbsolute, join, resolve } from 'node:path'
import { deadline, readEnv, type Env, type Service } from '@msc/core'
import { createPlatform } from '../create-platform.ts'
import { CONCERNS, makeConcerns, refusalOf } from './concerns.ts'
import { checkClock } from './checks/clock-skew.ts'
import { checkCronManifest } from './checks/cron-manifest.ts'
import { checkDuplicates } from './checks/duplicates.ts'
import { checkFolders, type FolderFact } from './checks/folders.ts'
import { checkPeers, type PeerFact } from './checks/peers.ts'
import { SECRETS, checkSecrets } from './checks/secrets.ts'
import { noteAnswerTimes } from './facts/answer-times.ts'
import { readAppConfig, type PlainConfig } from './facts/app-config.ts'
import { folderState } from './facts/folder.ts'
import { installedCopies, installedVersion, manifestOf } from './facts/installed.ts'
import { findingOf, type Finding } from './finding.ts'

export interface Examination {
  readonly env: Env
  /** The application's folder. */
  readonly folder: string
  /** Its configuration, where the caller named one. */
  readonly configFile?: string | undefined
  /** Milliseconds for everything: all of it is asked at once. */
  readonly timeoutMs: number
  /** Wall time, milliseconds since the epoch. */
  readonly now: () => number
}

/** Everything that the doctor looks at, in the order in which it is told, and how to let go of the services. */
export async function examine(
  examination: Examination,
): Promise<{ readonly findings: readonly Finding[]; close(): Promise<unknown> }> {
  const { env, folder, timeoutMs, now } = examination
  const { services, findings: made } = makeConcerns(env)
  const platform = createPlatform({ services, timeoutMs })
  const times = noteAnswerTimes(now)
  const inTime = (check: string, run: () => Promise<Finding[]>): Promise<Finding[]> =>
    deadline(run, { operation: check, timeoutMs }).catch((error: unknown) => [refusalOf(check, error)])

  const [health, peers, packages, ofApplication] = await Promise.all([
    platform.health(),
    inTime('packages', async () => checkPeers(await peerFacts(services))),
    inTime('packages', async () => checkDuplicates(await installedCopies(folder))),
    applicationFindings(examination),
  ])
  times.stop()

  const asked = health.services.map(findingOf)
  const concerns = [...made, ...asked]
  // A driver that could not load its package has said so itself.
  const told = new Set(concerns.filter(({ code }) => code === 'PEER_MISSING').map(({ check }) => check))
  const findings = Object.keys(CONCERNS).flatMap((concern) => [
    ...concerns.filter(({ check }) => check === concern),
    ...peers.filter(({ check, code }) => check === concern && !(code === 'PEER_MISSING' && told.has(concern))),
  ])
  return {
    findings: [
      ...findings,
      ...packages,
      ...peers.filter(({ check }) => !Object.hasOwn(CONCERNS, check)),
      ...checkClock(times.answers),
      ...ofApplication,
    ],
    close: () => platform.close(),
  }
}

async function peerFacts(services: Readonly<Record<string, Service>>): Promise<PeerFact[]> {
  const facts = Object.entries(services).map(async ([concern, { driverName }]): Promise<PeerFact[]> => {
    const { package: name = '', peers = {} } = CONCERNS[concern] ?? {}
    const peer = peers[driverName]
    if (peer === undefined) return []
    const { manifest, folder } = await manifestOf(name)
    const range = manifest.peerDependencies?.[peer] ?? '*'
    return [{ concern, driver: driverName, peer, range, version: await installedVersion(folder, peer) }]
  })
  return (await Promise.all(facts)).flat()
}

/** What depends on the application: its secrets, its folders and its crons. */
async function applicationFindings({ env, folder, configFile, timeoutMs }: Examination): Promise<Finding[]> {
  let config: PlainConfig = {}
  const findings: Finding[] = []
  try {
    config = (await readAppConfig({ folder, file: configFile, env, timeoutMs })) ?? {}
  } catch (error) {
    findings.push(refusalOf('config', error))
  }
  const { crons, plan, secrets = {}, folders = [] } = config
  const facts = await Promise.all([...dataFolder(env), ...folders].map((each) => folderFact(folder, each)))
  return [
    ...findings,
    ...checkSecrets(env, { ...SECRETS, ...secrets }),
    ...checkFolders(distinct(facts)),
    ...(crons ? checkCronManifest(await textOf(join(folder, 'vercel.json')), crons, plan ? { plan } : {}) : []),
  ]
}

type Wanted = Pick<FolderFact, 'path' | 'keeps'> & { readonly variable?: string }

/** Where the embedded drivers of the packages keep their files; the SQLite file of the jobs is opened when they are asked. */
function dataFolder(env: Env): Wanted[] {
  const path = readEnv(env, 'MSC_DATA_DIR')
  return path === undefined ? [] : [{ path, keeps: 'the data of the embedded drivers', variable: 'MSC_DATA_DIR' }]
}

async function folderFact(base: string, { path, keeps, variable }: Wanted): Promise<FolderFact> {
  const whole = isAbsolute(path) ? path : resolve(base, path)
  return { path: whole, keeps, variable, state: await folderState(whole) }
}

function distinct(facts: readonly FolderFact[]): FolderFact[] {
  return [...new Map(facts.map((fact) => [fact.path, fact])).values()]
}

async function textOf(path: string): Promise<string | undefined> {
  return existsSync(path) ? readFile(path, 'utf8') : undefined
}
