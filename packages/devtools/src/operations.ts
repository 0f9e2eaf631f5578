import '@msc/core'

declare module '@msc/core' {
  /** The records that this package writes: operations of this process, and what its ingest takes from browsers. */
  interface JournalKinds {
    span: true
    run: true
    step: true
    event: true
    exposure: true
  }
}
