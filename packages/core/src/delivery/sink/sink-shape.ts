import { driverShape } from '../../contract/driver-shape.ts'

/** What a sink says of itself: the kinds it has a place for, and what one call may hold. For `DriverContract.shape`. */
export const sinkShape: (driver: object) => readonly string[] = /* @__PURE__ */ driverShape({
  fields: {
    'capabilities.kinds': 'list',
    'capabilities.limits.maxItems': 'positive',
    'capabilities.limits.maxBytes': 'positive',
    'capabilities.limits.maxItemBytes': 'positive',
  },
})
