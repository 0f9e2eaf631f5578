/** Before a topic, on the wire: Phoenix's name of the channel. What a page loads later has it, and what it loads first does not. */
export const CHANNEL = 'realtime:'
