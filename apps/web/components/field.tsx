import type { InputHTMLAttributes } from 'react'

/** A labelled input, with what is wrong with it. */
export function Field({
  name,
  label,
  issue,
  help,
  ...input
}: {
  name: string
  label: string
  issue?: string | undefined
  help?: string
} & InputHTMLAttributes<HTMLInputElement>) {
  const described = [help && `${name}-help`, issue && `${name}-issue`].filter(Boolean).join(' ')
  return (
    <div>
      <label className="label" htmlFor={name}>
        {label}
      </label>
      <input
        id={name}
        name={name}
        className="field"
        aria-invalid={issue !== undefined}
        aria-describedby={described || undefined}
        {...input}
      />
      {help && (
        <p id={`${name}-help`} className="quiet mt-1 text-sm">
          {help}
        </p>
      )}
      {issue && (
        <p id={`${name}-issue`} role="alert" className="mt-1 text-sm text-red-700 dark:text-red-400">
          {issue}
        </p>
      )}
    </div>
  )
}

/** What is wrong with a form as a whole. */
export function FormProblem({ title, detail }: { title: string; detail?: string | undefined }) {
  return (
    <p role="alert" className="text-sm text-red-700 dark:text-red-400">
      {sentence(title)} {detail && sentence(detail)}
    </p>
  )
}

/** Titles of problem documents have no full stop, and some details do. */
function sentence(text: string): string {
  return /[.!?…]$/.test(text) ? text : `${text}.`
}
