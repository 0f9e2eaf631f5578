/** Whom a transaction acts for, in the shape of a Supabase access token: row level security reads these. */
export interface Claims {
  /** The user's id. */
  readonly sub?: string
  /** The role of the database: `service_role` bypasses row level security. */
  readonly role: 'anon' | 'authenticated' | 'service_role'
  readonly email?: string
  /** What a user can't write, such as the application's own role. */
  readonly app_metadata?: Readonly<Record<string, unknown>>
  /** The session that the claims come from; see `createSessions`. */
  readonly session_id?: string
}
