import { StrictMode, act, type ReactNode } from 'react'
import type { Root } from 'react-dom/client'
import { vi } from 'vitest'

/** As much of a document as React asks for when nothing is shown: effects and renders, for tests of hooks. */
export async function createFakeRoot(): Promise<{ render(node: ReactNode): Promise<void>; unmount(): Promise<void> }> {
  const listens = { addEventListener() {}, removeEventListener() {} }
  const document = { ...listens, nodeType: 9, activeElement: null, defaultView: undefined as unknown }
  vi.stubGlobal('window', Object.assign(globalThis, { HTMLIFrameElement: EventTarget }))
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true)
  document.defaultView = globalThis
  const container = {
    ...listens,
    nodeType: 1,
    nodeName: 'DIV',
    tagName: 'DIV',
    ownerDocument: document,
    textContent: '',
  }
  const { createRoot } = await import('react-dom/client')
  let root: Root
  await act(async () => {
    root = createRoot(container as never)
  })
  return {
    // Twice over, as in development: an effect must bear that it runs, is undone and runs again.
    render: (node) => act(async () => root.render(<StrictMode>{node}</StrictMode>)),
    unmount: () => act(async () => root.unmount()),
  }
}
