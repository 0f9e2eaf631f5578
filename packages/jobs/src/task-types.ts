export const aiTasks = ['analyze-lyrics', 'generate-artwork', 'analyze-audio', 'generate-metadata'] as const
export type AITask = (typeof aiTasks)[number]
export const emailTypes = ['welcome', 'invoice', 'release-approved', 'payment-received'] as const
export type EmailType = (typeof emailTypes)[number]
