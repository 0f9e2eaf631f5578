/** An item that a chaos script pushes. */
export interface ChaosItem {
  readonly id: string
  readonly kind: string
  readonly bytes: number
  /** The backend refuses its content: in the receipt, or together with the whole batch. */
  readonly poison?: 'receipt' | 'batch' | undefined
}
