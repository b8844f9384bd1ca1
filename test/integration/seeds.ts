/**
 * The seeds of a long run of a random model, in blocks. Each block is a test of its own, so that memory is released, a
 * failure names its neighborhood, and progress is visible.
 *
 * `SEEDS=30000-30999` plays those instead of the default ones.
 */
export const seedBlocks = (
  defaults: { readonly from: number; readonly count: number },
  block: number
): ReadonlyArray<{ readonly from: number; readonly count: number }> => {
  const asked = process.env["SEEDS"]
  const match = /^(\d+)-(\d+)$/.exec(asked ?? "")
  if (asked !== undefined && match === null) {
    throw new Error(`SEEDS is "${asked}", and has to be two numbers, as in 30000-30999`)
  }
  const from = match === null ? defaults.from : Number(match[1])
  const end = match === null ? defaults.from + defaults.count : Number(match[2]) + 1
  if (end <= from) throw new Error(`SEEDS is "${asked}", and the second number is below the first`)
  const blocks = []
  for (let at = from; at < end; at += block) blocks.push({ from: at, count: Math.min(block, end - at) })
  return blocks
}
