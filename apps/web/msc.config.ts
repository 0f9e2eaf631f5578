import { defineConfig } from '@msc/platform'
import { crons } from './lib/crons/definitions.ts'
import { dataDir } from './lib/env.ts'

/** Lets `msc doctor` compare the crons with vercel.json, check the folders, and say what runs. */
export default defineConfig({
  crons,
  inside: { jobs: 'sqlite' },
  folders: [
    { path: dataDir(), keeps: 'the data of the embedded drivers', variable: 'MSC_DATA_DIR' },
    { path: `${dataDir()}/journal`, keeps: 'the journal', variable: 'MSC_DATA_DIR' },
    { path: `${dataDir()}/pg`, keeps: 'the database (PGlite)', variable: 'MSC_DATA_DIR' },
  ],
})
