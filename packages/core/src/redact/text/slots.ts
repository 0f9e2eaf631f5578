// What is known of each object that is open in a text: the last `value` that no label has described yet, and the label.
import { HARMLESS, type Verdict } from '../names.ts'
import type { TextScan } from './state.ts'

/** What is known of one object; the first is for what stands outside of all braces. */
export interface Slot {
  /** The separator of the undecided `value`, or -1, and how much output there is up to it. */
  valueAt: number
  valueOut: number
  /** What the label says about a `value` that begins before `labelUntil`. */
  label: Verdict
  labelUntil: number
}

/** Objects further in share a slot. */
const DEEPEST = 64

/** The slot of the object that is open; most objects have neither a label nor a value, and need none. */
export function openSlot({ slots, depth }: TextScan): Slot {
  const at = Math.min(depth, DEEPEST)
  const known = slots[at]
  if (known !== undefined) return known
  const slot: Slot = { valueAt: -1, valueOut: 0, label: HARMLESS, labelUntil: 0 }
  slots[at] = slot
  return slot
}

/** Remembers the `value` whose separator stands at `at`, in place of the one before it. */
export function awaitLabel(scan: TextScan, slot: Slot, at: number): void {
  forgetValue(scan, slot)
  slot.valueAt = at
  slot.valueOut = scan.out.length + at - scan.done
  if (slot.valueOut < scan.enough) scan.awaited++
}

export function forgetValue(scan: TextScan, slot: Slot): void {
  if (slot.valueAt >= 0 && slot.valueOut < scan.enough) scan.awaited--
  slot.valueAt = -1
}

/** A label says nothing about another object's value. */
export function clearSlot(scan: TextScan): void {
  const slot = scan.slots[Math.min(scan.depth, DEEPEST)]
  if (slot === undefined) return
  forgetValue(scan, slot)
  slot.label = HARMLESS
}
