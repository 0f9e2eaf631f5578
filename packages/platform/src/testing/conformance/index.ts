export { testDatabaseDriver, type DatabaseDriverSetup } from './database-driver.ts'
