// What is known of each object that is open in a text: the last `value` that no label has described yet, and the label.
import { HARMLESS, type Verdict } from '../names/names.ts'
import type { TextScan } from './state.ts'

/** A value that no label has described yet: its separator, or -1, and how much output there is up to it. */
export interface Undecided {
  at: number
  out: number
}

/** What is known of one object; the first is for what stands outside of all braces. */
export interface Slot {
  /** The last `value`, the last member that a path alone describes, and the last arguments. */
  readonly value: Undecided
  readonly input: Undecided
  readonly args: Undecided
  /** What the label says about a `value` that begins before `labelUntil`. */
  label: Verdict
  labelUntil: number
  /** Is the label a path to a field? Then it says the same about `input`. */
  isPath: boolean
  /** Is the object a command that signs in, by its name or as `command`? Then its arguments are secret. */
  isAuth: boolean
  isAuthCommand: boolean
  /** Could the arguments that were met last be a user and a password? */
  mayBeCredentials: boolean
}

/** Objects further in share a slot. */
const DEEPEST = 64

/** The slot of the object that is open; most objects have neither a label nor a value, and need none. */
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

/** Remembers the value whose separator stands at `at`, in place of the one before it. */
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

/** A label says nothing about another object's value. */
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
