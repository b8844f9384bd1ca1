import { assert, describe, it } from "@effect/vitest"
import { vi } from "vitest"
import * as Ahead from "../../src/dave/Ahead.ts"
import * as Groups from "../../src/dave/Groups.ts"
import type { FromGroups } from "../../src/dave/messages.ts"
import { ChannelId, UserId } from "../../src/protocol/Identifier.ts"
import * as FrameRing from "../../src/ring/FrameRing.ts"

const ann = UserId.make("1001")
const bob = UserId.make("1002")

const rig = () => {
  const posted: Array<FromGroups> = []
  const waiting: Array<() => void> = []
  const groups = Groups.make((message) => {
    posted.push(message)
    if (message._tag === "Answer") waiting.shift()?.()
  })
  const open = (group: number) =>
    groups.receive({ _tag: "Open", group, userId: ann, channelId: ChannelId.make("3001") })
  /** Creates a group, and waits for the answer. */
  const create = (group: number) =>
    new Promise<void>((resolve) => {
      waiting.push(resolve)
      groups.receive({ _tag: "Ask", group, request: 1, ask: { _tag: "create", version: 1 } })
    })
  return { create, groups, open, posted }
}

describe("Groups", () => {
  it("writes nothing more to a lane that is closed", async () => {
    const { create, groups, open } = rig()
    const ring = FrameRing.make()
    ring.write(Uint8Array.of(0xfc, 1), 960)
    const ahead = new SharedArrayBuffer(65_536)
    const words = new Int32Array(ahead)
    open(1)
    assert(ring.buffer instanceof SharedArrayBuffer)
    groups.receive({ _tag: "Protect", group: 1, lane: 1, ring: ring.buffer, ahead })
    await create(1)
    const before = Array.from(words)
    assert.isTrue(before.some((word) => word !== 0))
    await create(1)
    assert.notDeepEqual(Array.from(words), before, "another group begins another generation")
    const last = Array.from(words)
    groups.receive({ _tag: "Unprotect", group: 1, lane: 1 })
    await create(1)
    assert.deepStrictEqual(Array.from(words), last)
    groups.close()
  })

  it("encrypts for a lane as soon as it is opened", async () => {
    const { create, groups, open } = rig()
    const ring = FrameRing.make()
    ring.write(Uint8Array.of(0xfc, 1), 960)
    open(1)
    await create(1)
    const { buffer } = ring
    assert(buffer instanceof SharedArrayBuffer)
    const source = Ahead.source(ring, { isEncrypting: () => true, onFrame: () => {} }, {
      open: (ahead) => groups.receive({ _tag: "Protect", group: 1, lane: 1, ring: buffer, ahead }),
      close: () => groups.receive({ _tag: "Unprotect", group: 1, lane: 1 })
    })
    assert.isAbove(source.next(), 0)
    source.close()
    groups.close()
  })

  it("re-encrypts the frames ahead immediately when a group is created again", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] })
    try {
      const { create, groups, open } = rig()
      const ring = FrameRing.make()
      ring.write(Uint8Array.of(0xfc, 1), 960)
      open(1)
      await create(1)
      const { buffer } = ring
      assert(buffer instanceof SharedArrayBuffer)
      let words: Int32Array = new Int32Array()
      const source = Ahead.source(ring, { isEncrypting: () => true, onFrame: () => {} }, {
        open: (ahead) => {
          words = new Int32Array(ahead)
          groups.receive({ _tag: "Protect", group: 1, lane: 1, ring: buffer, ahead })
        },
        close: () => groups.receive({ _tag: "Unprotect", group: 1, lane: 1 })
      })
      const [, , generation] = words
      await create(1)
      assert.notStrictEqual(words[2], generation)
      assert.isAbove(source.next(), 0)
      source.close()
      groups.close()
    } finally {
      vi.useRealTimers()
    }
  })

  it("looks at its lanes while there are any, and at none", () => {
    const { groups, open } = rig()
    const { buffer } = FrameRing.make()
    assert(buffer instanceof SharedArrayBuffer)
    const protect = (group: number) =>
      groups.receive({ _tag: "Protect", group, lane: 1, ring: buffer, ahead: new SharedArrayBuffer(65_536) })
    vi.useFakeTimers()
    try {
      open(1)
      open(2)
      assert.strictEqual(vi.getTimerCount(), 0)
      protect(1)
      protect(2)
      assert.strictEqual(vi.getTimerCount(), 1)
      groups.receive({ _tag: "Unprotect", group: 1, lane: 1 })
      assert.strictEqual(vi.getTimerCount(), 1)
      groups.receive({ _tag: "Close", group: 2 })
      assert.strictEqual(vi.getTimerCount(), 0)
      protect(1)
      assert.strictEqual(vi.getTimerCount(), 1)
      groups.close()
      assert.strictEqual(vi.getTimerCount(), 0)
    } finally {
      vi.useRealTimers()
    }
  })

  it("forgets a group that is closed, and keeps the others", async () => {
    const { create, groups, open, posted } = rig()
    open(1)
    open(2)
    await create(1)
    await create(2)
    groups.receive({ _tag: "Close", group: 1 })
    posted.length = 0
    const frames = [{ id: 1, userId: bob, frame: Uint8Array.of(1, 2, 3) }]
    groups.receive({ _tag: "Decrypt", group: 1, frames })
    groups.receive({ _tag: "Decrypt", group: 2, frames })
    assert.deepStrictEqual(posted, [{ _tag: "Decrypted", group: 2, frames: [{ id: 1, frame: "NotMember" }] }])
    groups.close()
  })
})
