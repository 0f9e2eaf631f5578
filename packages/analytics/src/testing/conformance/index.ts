export { testAnalyticsDriver, type AnalyticsDriverSetup, type ReceivedMessage } from './analytics-driver.ts'
export { conformanceFlags, testFlagSource, type FlagSourceSetup } from './flag-source.ts'
