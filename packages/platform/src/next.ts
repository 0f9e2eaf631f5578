// Route handlers of Next.js are web-standard functions; what is particular to Next is only the promised `params`.
export {
  createRoutes,
  type DefineRoute,
  type RouteHandler,
  type RouteOptions,
  type RoutePorts,
  type RouteUser,
} from './route.ts'
export { problem, problemFrom, type ProblemOptions } from './problem.ts'
