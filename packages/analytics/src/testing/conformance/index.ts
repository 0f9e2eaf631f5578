export {
  conformanceFlags,
  testAnalyticsDriver,
  testFlagSource,
  type AnalyticsDriverSetup,
  type FlagSourceSetup,
  type ReceivedMessage,
} from './analytics-driver.ts'
