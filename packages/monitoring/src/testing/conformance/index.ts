export { testMonitoringDriver, type MonitoringDriverSetup, type ReceivedEvent } from './monitoring-driver.ts'
