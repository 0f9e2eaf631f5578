import type { RunningPostgres } from '@msc/core/testing/postgres'
import pg from 'pg'

/** A database of its own; returns its address. */
export async function database({ url }: RunningPostgres, name: string): Promise<string> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(`create database ${name}`)
  await client.end()
  return url.replace(/postgres$/, name)
}
