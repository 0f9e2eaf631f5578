import { driverShape } from '../../contract/driver-shape.ts'

/** Checks a sink's declared kinds and the limits of one call, for `DriverContract.shape`. */
export const sinkShape: (driver: object) => readonly string[] = /* @__PURE__ */ driverShape({
  fields: {
    'capabilities.kinds': 'list',
    'capabilities.limits.maxItems': 'positive',
    'capabilities.limits.maxBytes': 'positive',
    'capabilities.limits.maxItemBytes': 'positive',
  },
})
