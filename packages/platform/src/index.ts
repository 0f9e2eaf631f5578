import './operations.ts'
export { defineConfig, type AppFolder, type MscConfig } from './config.ts'
export { createPlatform, type Platform, type PlatformHealth, type PlatformOptions } from './create-platform.ts'
export { problem, problemFrom, type ProblemOptions } from './problem.ts'
export {
  createRoutes,
  type DefineRoute,
  type RouteHandler,
  type RouteOptions,
  type RoutePorts,
  type RouteUser,
} from './route.ts'
