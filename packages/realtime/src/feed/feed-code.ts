// What only topics with a history need, loaded with the first of them. It imports nothing that a page loads first.
export { createFeedInbox } from './feed-inbox.ts'
export { openHistory } from '../history/open-history.ts'
export { openFeed } from './open-feed.ts'
