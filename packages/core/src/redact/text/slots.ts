// What is known of each open object in a text: the last `value` that no label has described yet, and the label.
import { HARMLESS, type Verdict } from '../names/names.ts'
import type { TextScan } from './state.ts'

/**
 * A value that no label has described yet: the position of its separator, or -1, and the length of the output before
 * it.
 */
export interface Undecided {
  at: number
  out: number
}

/** What is known of one object. The first slot is for text outside of all braces. */
export interface Slot {
  /** The last `value`, the last member that only a path describes, and the last arguments. */
  readonly value: Undecided
  readonly input: Undecided
  readonly args: Undecided
  /** The label's verdict on a `value` that begins before `labelUntil`. */
  label: Verdict
  labelUntil: number
  /** True when the label is a path to a field; its verdict then applies to `input` too. */
  isPath: boolean
  /**
   * True when the object is a command that signs in, by its `name` or by its `command`. Its arguments are then secret.
   */
  isAuth: boolean
  isAuthCommand: boolean
  /** True when the last arguments may be a user and a password. */
  mayBeCredentials: boolean
}

/** Objects nested deeper than this share a slot. */
const DEEPEST = 64

/**
 * Returns the slot of the current object, which is created on first use: most objects have neither a label nor a value.
 */
export function openSlot({ slots, depth }: TextScan): Slot {
  const at = Math.min(depth, DEEPEST)
  const known = slots[at]
  if (known !== undefined) return known
  const slot: Slot = {
    value: { at: -1, out: 0 },
    input: { at: -1, out: 0 },
    args: { at: -1, out: 0 },
    label: HARMLESS,
    labelUntil: 0,
    isPath: false,
    isAuth: false,
    isAuthCommand: false,
    mayBeCredentials: false,
  }
  slots[at] = slot
  return slot
}

/** Remembers the value whose separator is at `at`, in place of the previous one. */
export function awaitLabel(scan: TextScan, undecided: Undecided, at: number): void {
  forgetValue(scan, undecided)
  undecided.at = at
  undecided.out = scan.out.length + at - scan.done
  if (undecided.out < scan.enough) scan.awaited++
}

export function forgetValue(scan: TextScan, undecided: Undecided): void {
  if (undecided.at >= 0 && undecided.out < scan.enough) scan.awaited--
  undecided.at = -1
}

/** Clears the slot of the current object: a label does not describe the value of another object. */
export function clearSlot(scan: TextScan): void {
  const slot = scan.slots[Math.min(scan.depth, DEEPEST)]
  if (slot === undefined) return
  forgetValue(scan, slot.value)
  forgetValue(scan, slot.input)
  forgetValue(scan, slot.args)
  slot.label = HARMLESS
  slot.isPath = false
  slot.isAuth = false
  slot.isAuthCommand = false
}
