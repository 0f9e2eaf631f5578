import type { JobList } from '@msc/jobs'
import { aiProcessing } from './ai-processing.ts'

/** Every job of the app. */
export const jobs: JobList = [aiProcessing]
