/** Returns the driver, which may be a class instance, with some of its methods replaced. */
export function withMethods<D extends object>(driver: D, methods: Partial<D>): D {
  return new Proxy(driver, {
    get(target, name) {
      if (Object.hasOwn(methods, name)) return Reflect.get(methods, name) as unknown
      const value: unknown = Reflect.get(target, name, target)
      // A method that is called on the proxy could not access private members.
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

/**
 * Returns the driver with a `close` that does nothing, for an engine that is closed while the test still needs the driver.
 */
export function keptOpen<D extends { close(): Promise<void> }>(driver: D): D {
  const close = async (): Promise<void> => undefined
  return withMethods(driver, { close } as Partial<D>)
}
