import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { readEnv, type Env, type Service } from '@msc/core'
import { runsOnVercel } from '@msc/cron'
import { CONCERNS, makeConcerns, failureOf, isInside, namedBy } from './concerns.ts'
import { checkClock } from './checks/clock-skew.ts'
import { checkCronManifest } from './checks/cron-manifest.ts'
import { checkDuplicates } from './checks/duplicates.ts'
import { checkFolders, type FolderFact } from './checks/folders.ts'
import { checkDatabaseListening, checkListening } from './checks/listening.ts'
import { checkPeers, type PeerFact } from './checks/peers.ts'
import { checkProfile } from './checks/profile.ts'
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
  /** The application's configuration, if the caller named one. */
  readonly configFile?: string | undefined
  /** Milliseconds for each round trip. */
  readonly timeoutMs: number
  /** Wall time, in milliseconds since the epoch. */
  readonly now: () => number
}

/**
 * All checks start at once. The local ones have their own promise, because on a busy machine they may take longer than
 * a round trip.
 */
export interface Examined {
  /** One for each concern, when every backend has answered or timed out. */
  readonly backends: Promise<readonly Finding[]>
  /** Everything else. */
  readonly surroundings: Promise<readonly Finding[]>
  /** Closes the services. Never rejects. */
  close(): Promise<unknown>
}

/** Checks everything that the environment and the folder of an application name. The promises never reject. */
export function examine(examination: Examination): Examined {
  const { env, folder, timeoutMs, now } = examination
  const { services, findings: made } = makeConcerns(env)
  const times = noteAnswerTimes(now)
  const config = configOf(examination)
  const asking = askAll(services, timeoutMs).finally(() => times.stop())
  // Only for what runs inside: a backend that is silent is said without the wait.
  const named = made.some(isInside)
    ? config.then(({ inside = {} }) => made.map((finding) => namedBy(inside, finding)))
    : made
  const backends = Promise.all([asking, named]).then(([asked, findings]) => {
    const concerns = [...findings, ...asked]
    return Object.keys(CONCERNS).flatMap((concern) => concerns.filter(({ check }) => check === concern))
  })
  const surroundings = Promise.all([
    findingsOf('packages', async () => checkPeers(await peerFacts(services))),
    findingsOf('packages', async () => checkDuplicates(await installedCopies(folder))),
    config.then((known) => applicationFindings(examination, known)),
    backends,
    backends.then((concerns) => listeningFindings(concerns, env)),
  ]).then(([peers, packages, ofApplication, concerns, listening]) => {
    // The driver's own finding already says that its package could not be loaded.
    const isReported = ({ check, code }: Finding): boolean =>
      concerns.some((each) => each.check === check && each.code === code && code === 'PEER_MISSING')
    return [
      ...listening,
      ...peers.filter((finding) => !isReported(finding)),
      ...packages,
      ...checkClock(times.answers),
      ...ofApplication,
    ]
  })
  return {
    backends,
    surroundings,
    close: () => Promise.all(Object.values(services).map((service) => service.close({ timeoutMs }))),
  }
}

/** The concerns whose Postgres has answered: whether anybody would hear its notifications is another question. */
async function listeningFindings(concerns: readonly Finding[], env: Env): Promise<Finding[]> {
  const isOn = (check: string, drivers: readonly string[]): boolean =>
    concerns.some((each) => each.check === check && drivers.includes(each.subject) && each.status === 'ok')
  const found = await Promise.all([
    isOn('jobs', ['postgres']) ? findingsOf('jobs', () => checkListening(env)) : [],
    isOn('database', ['postgres', 'supabase']) ? findingsOf('database', () => checkDatabaseListening(env)) : [],
  ])
  return found.flat()
}

async function askAll(services: Readonly<Record<string, Service>>, timeoutMs: number): Promise<Finding[]> {
  return (await Promise.all(Object.values(services).map((service) => service.health({ timeoutMs })))).map(findingOf)
}

/** Turns a check that fails into a finding. */
async function findingsOf(check: string, run: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await run()
  } catch (error) {
    return [failureOf(check, error)]
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

/** A configuration may import much of an application, on a busy machine. */
const CONFIG_MS = 10_000

/** Reads the application's configuration. Never rejects: what is wrong with it is a finding. */
async function configOf({
  env,
  folder,
  configFile,
}: Examination): Promise<PlainConfig & { readonly findings: readonly Finding[] }> {
  try {
    const config = await readAppConfig({ folder, file: configFile, env, timeoutMs: CONFIG_MS })
    return { ...config, findings: [] }
  } catch (error) {
    return { findings: [failureOf('config', error)] }
  }
}

/** The findings that depend on the application: its secrets, its folders and its crons. */
async function applicationFindings(
  { env, folder }: Examination,
  config: Awaited<ReturnType<typeof configOf>>,
): Promise<Finding[]> {
  const findings = [...config.findings]
  const { crons, plan, secrets = {}, folders = [], realtimeTokens } = config
  const rules = { ...SECRETS, ...secrets }
  findings.push(...(await findingsOf('profile', async () => checkProfile(env))))
  findings.push(...(await findingsOf('secrets', async () => checkSecrets(env, rules, realtimeTokens))))
  findings.push(...(await findingsOf('folders', async () => checkFolders(await folderFacts(folder, env, folders)))))
  if (!crons) return findings
  const options = plan ? { plan } : {}
  const manifest = await findingsOf('vercel.json', async () =>
    checkCronManifest(
      await textOf(join(folder, 'vercel.json')),
      crons,
      options,
      runsOnVercel(env) && !hasOtherConfig(folder),
    ),
  )
  return [...findings, ...manifest]
}

/** Vercel reads one of these in place of vercel.json. Source: https://vercel.com/docs/project-configuration/vercel-ts */
function hasOtherConfig(folder: string): boolean {
  return ['ts', 'mts', 'js', 'mjs', 'cjs', 'toml'].some((ending) => existsSync(join(folder, `vercel.${ending}`)))
}

type Wanted = Pick<FolderFact, 'path' | 'keeps'> & { readonly variable?: string }

/** The folder in which the embedded drivers keep their files. The SQLite file of jobs is opened by its health check. */
function dataFolder(env: Env): Wanted[] {
  const path = readEnv(env, 'MSC_DATA_DIR')
  return path === undefined ? [] : [{ path, keeps: 'the data of the embedded drivers', variable: 'MSC_DATA_DIR' }]
}

async function folderFacts(base: string, env: Env, folders: readonly Wanted[]): Promise<FolderFact[]> {
  const wanted = new Map([...dataFolder(env), ...folders].map((each) => [resolve(base, each.path), each]))
  return Promise.all(
    [...wanted].map(async ([path, { keeps, variable }]) => ({ path, keeps, variable, state: await folderState(path) })),
  )
}

async function textOf(path: string): Promise<string | undefined> {
  return existsSync(path) ? readFile(path, 'utf8') : undefined
}
