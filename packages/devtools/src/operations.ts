import '@msc/core'

declare module '@msc/core' {
  /** The records that this package writes: operations of this process, and what browsers send to its ingest. */
  interface JournalKinds {
    span: true
    run: true
    step: true
    event: true
    exposure: true
  }
}
