/**
 * A program that opens a mix in another thread, and closes it if told to. Whether it then exits by itself is what the
 * test checks.
 */
import * as Heard from "../../../src/mixer/Heard.ts"
import * as Thread from "../../../src/mixer/Thread.ts"
import * as FrameRing from "../../../src/ring/FrameRing.ts"

const thread = Thread.make({
  onUnavailable: (detail) => {
    process.stderr.write(detail)
    process.exit(2)
  }
})
const { buffer } = FrameRing.make()
if (!(buffer instanceof SharedArrayBuffer)) process.exit(3)
const open = (encoder: object) =>
  thread.open({ encoder, ring: buffer, heard: Heard.makeBuffer(), aheadMs: 100 }, () => {})
switch (process.argv[2]) {
  case "closed":
    ;(await open({})).close()
    break
  case "refused":
    await open({ complexity: 99 }).then(() => process.exit(4), () => {})
    break
  default:
    await open({})
}
process.stdout.write(`open: ${thread.size()}\n`)
