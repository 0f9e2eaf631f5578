export { ownFolder, type OwnFolderOptions, type OwnedFolder } from './own-folder.ts'
export {
  createPasswords,
  type PasswordOptions,
  type PasswordVerdict,
  type Passwords,
  type PasswordsOptions,
} from './passwords.ts'
