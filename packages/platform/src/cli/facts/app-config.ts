import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { ConfigError, deadline, type Env } from '@msc/core'
import type { MscConfig } from '../../config.ts'
import type { PlannedCron } from '../checks/cron-manifest.ts'

/** What is left of a configuration without its functions. */
export type PlainConfig = Omit<MscConfig, 'crons'> & { readonly crons?: readonly PlannedCron[] }

const NAMES = ['ts', 'mts', 'js', 'mjs'].map((extension) => `msc.config.${extension}`)

/** A file's text rather than a file: a bundled package has none of that name beside it. */
const READER = `
const { parentPort, workerData } = require('node:worker_threads')
import(workerData).then(
  (module) => parentPort.postMessage({ json: JSON.stringify(module.default) }),
  (error) => parentPort.postMessage({ error: String(error?.message ?? error) }),
)`

export interface ConfigFile {
  readonly folder: string
  /** Named by whoever called: it must exist then. */
  readonly file?: string | undefined
  readonly env: Env
  readonly timeoutMs: number
}

/**
 * The application's `msc.config`, or `undefined` without one. It is loaded on a thread of its own: it imports much of the
 * application, which must neither hold up the round trips, nor print into the report, nor keep the process alive.
 *
 * @throws ConfigError `MSC_CONFIG_INVALID` for one that can not be loaded in `timeoutMs` or does not fit.
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

/** What was read, when it has the shape that the checks count on. */
function checked(value: unknown): PlainConfig {
  const config = Object(value) as Record<keyof MscConfig, unknown>
  const isListOf = (given: unknown, ...fields: readonly string[]): boolean =>
    given === undefined ||
    (Array.isArray(given) &&
      given.every((each) =>
        fields.every((field) => typeof (Object(each) as Record<string, unknown>)[field] === 'string'),
      ))
  const wrong = [
    !(typeof value === 'object' && value) && 'the default export, which must be an object',
    !isListOf(config.crons, 'name', 'path', 'schedule', 'timezone') && '`crons`, a list of what `defineCron` returns',
    !isListOf(config.folders, 'path', 'keeps') && '`folders`, a list of { path, keeps, variable }',
    !isListOf(Object.values(config.secrets ?? {}), 'purpose') &&
      '`secrets`, an object of { minBytes, purpose } by variable',
  ].find((part) => part !== false)
  if (wrong !== undefined) throw invalid(`msc.config does not fit: ${wrong}.`, 'See `MscConfig` of @msc/platform.')
  return value as PlainConfig
}

function invalid(message: string, hint: string): ConfigError {
  return new ConfigError(message, { code: 'MSC_CONFIG_INVALID', hint })
}
