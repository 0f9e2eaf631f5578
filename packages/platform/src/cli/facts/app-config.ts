import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { ConfigError, deadline, type Env } from '@msc/core'
import type { MscConfig } from '../../config.ts'
import type { PlannedCron } from '../checks/cron-manifest.ts'

/** A configuration without its functions, which can't be sent between threads. */
export type PlainConfig = Omit<MscConfig, 'crons'> & { readonly crons?: readonly PlannedCron[] }

const NAMES = ['ts', 'mts', 'js', 'mjs'].map((extension) => `msc.config.${extension}`)

/** Kept as text, since a bundled package has no file of that name beside it. */
const READER = `
const { parentPort, workerData } = require('node:worker_threads')
import(workerData).then(
  (module) => parentPort.postMessage({ json: JSON.stringify(module.default) }),
  (error) => parentPort.postMessage({ error: String(error?.message ?? error) }),
)`

export interface ConfigFile {
  readonly folder: string
  /** The path that the caller named; the file must exist then. */
  readonly file?: string | undefined
  readonly env: Env
  readonly timeoutMs: number
}

/**
 * Returns the application's `msc.config`, or `undefined` when there is none. It is loaded on a separate thread, because
 * it may import much of the application: that must not delay the round trips, print into the report or keep the process
 * alive.
 *
 * @throws ConfigError `MSC_CONFIG_INVALID` when it can't be loaded within `timeoutMs` or has another shape.
 */
export async function readAppConfig({ folder, file, env, timeoutMs }: ConfigFile): Promise<PlainConfig | undefined> {
  const names = file === undefined ? NAMES : [file]
  const path = names.map((name) => resolve(folder, name)).find((each) => existsSync(each))
  if (path === undefined) {
    if (file === undefined) return undefined
    throw invalid(`There is no file ${join(folder, file)}.`, 'Correct --config.')
  }
  const worker = new Worker(READER, {
    eval: true,
    workerData: pathToFileURL(path).href,
    env: { ...env },
    stdout: true,
    stderr: true,
  })
  try {
    const answer = await deadline(() => answerOf(worker), { operation: 'it', timeoutMs })
    if (answer.error !== undefined) throw new Error(answer.error)
    return checked(answer.json === undefined ? undefined : (JSON.parse(answer.json) as unknown))
  } catch (error) {
    if (error instanceof ConfigError) throw error
    const why = error instanceof Error ? error.message : String(error)
    throw invalid(
      `${path} can not be loaded: ${why}`,
      `Run \`node ${path}\` to see where it fails: it must load while the application is not running.`,
    )
  } finally {
    await worker.terminate()
  }
}

interface Answer {
  readonly json?: string
  readonly error?: string
}

function answerOf(worker: Worker): Promise<Answer> {
  return new Promise((resolve_, reject) => {
    worker.once('message', resolve_)
    worker.once('error', reject)
    worker.once('exit', () => reject(new Error('it ended before it was loaded')))
  })
}

/** Returns the value when it has the shape that the checks expect. */
function checked(value: unknown): PlainConfig {
  const config = Object(value) as Record<keyof MscConfig, unknown>
  const isListOf = (given: unknown, ...fields: readonly string[]): boolean =>
    given === undefined ||
    (Array.isArray(given) &&
      given.every((each) =>
        fields.every((field) => typeof (Object(each) as Record<string, unknown>)[field] === 'string'),
      ))
  const wrong = [
    !(typeof value === 'object' && value) && 'the default export must be an object',
    !isListOf(config.crons, 'name', 'path', 'schedule', 'timezone') &&
      '`crons` must be a list of what `defineCron` returns',
    !isListOf(config.folders, 'path', 'keeps') && '`folders` must be a list of { path, keeps, variable }',
    !(isListOf(Object.values(config.secrets ?? {}), 'purpose') && haveLengths(config.secrets)) &&
      '`secrets` must be an object of { minBytes, purpose } by variable',
    ![undefined, 'secret', 'jwks'].includes(config.realtimeTokens as string | undefined) &&
      '`realtimeTokens` must be secret or jwks',
    !isTexts(config.inside) && '`inside` must be an object of drivers by concern',
  ].find((part) => part !== false)
  if (wrong !== undefined) throw invalid(`msc.config is invalid: ${wrong}.`, 'See `MscConfig` of @msc/platform.')
  return value as PlainConfig
}

function isTexts(given: unknown): boolean {
  if (given === undefined) return true
  const isPlain = typeof given === 'object' && given !== null && !Array.isArray(given)
  return isPlain && Object.values(given).every((each) => typeof each === 'string')
}

function haveLengths(secrets: unknown): boolean {
  return Object.values(Object(secrets) as object).every((each) => {
    const { minBytes } = Object(each) as { readonly minBytes?: unknown }
    return Number.isSafeInteger(minBytes) && Number(minBytes) >= 1
  })
}

function invalid(message: string, hint: string): ConfigError {
  return new ConfigError(message, { code: 'MSC_CONFIG_INVALID', hint })
}
