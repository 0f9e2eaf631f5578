export { ownFolder, type OwnFolderOptions, type OwnedFolder } from './own-folder.ts'
