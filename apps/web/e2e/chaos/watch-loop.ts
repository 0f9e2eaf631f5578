// Loaded into the server: answers over IPC for how long its event loop was held at most since it was last asked. Counted is the
// time that the thread has worked between two turns, not the time for which other processes had the processor.
let most = 0
let before = worked()

function worked(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

setInterval(() => {
  const now = worked()
  most = Math.max(most, now - before)
  before = now
}, 1).unref()

process.on('message', () => {
  process.send?.(most)
  most = 0
})
