export { ownFolder, type OwnFolderOptions, type OwnedFolder } from './own-folder.ts'
export { type Allowance } from './allowances.ts'
export { limitConnections, type ConnectionLimits } from './connections.ts'
export { createGate, type Gate, type GateOptions, type GateRule, type RefusedBy } from './gate.ts'
export {
  createPasswords,
  type PasswordOptions,
  type PasswordPlace,
  type PasswordVerdict,
  type Passwords,
  type PasswordsOptions,
} from './passwords.ts'
