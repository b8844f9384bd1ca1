import { assert, describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import * as Dave from "../../../src/Dave.ts"
import * as E2eeSender from "../../../src/driver/e2ee/E2eeSender.ts"
import { ChannelId, UserId } from "../../../src/protocol/Identifier.ts"
import * as OpusPacket from "../../../src/protocol/OpusPacket.ts"
import * as FrameRing from "../../../src/ring/FrameRing.ts"
import * as MockDave from "../../../src/testing/MockDave.ts"

const self = UserId.make("30")
const guest = UserId.make("31")
const frame = Uint8Array.of(0xfc, 1, 2, 3)

/** A group in its first epoch, with a guest, unless `isMember` is false. */
const rig = Effect.fnUntraced(function*(options: { readonly isMember?: boolean } = {}) {
  const dave = yield* Dave.Dave
  const group = yield* dave.open({ userId: self, channelId: ChannelId.make("20") })
  if (options.isMember !== false) {
    yield* group.create(1)
    yield* group.proposals("append", new Uint8Array(), [self, guest])
    yield* group.commit(new Uint8Array())
  }
  const state = {
    isEncrypting: true,
    /** How many sources of encrypted frames were closed. */
    closed: 0
  }
  const sender = E2eeSender.make({
    group: {
      ...group,
      protect: (ring, protecting) => ({ ...group.protect(ring, protecting), close: () => void state.closed++ })
    },
    isEncrypting: () => state.isEncrypting
  })
  return { state, sender }
})

const test = (name: string, body: Effect.Effect<unknown, unknown, Dave.Dave | MockDave.MockDave | Scope.Scope>) =>
  it.effect(name, () => Effect.asVoid(body).pipe(Effect.provide(MockDave.layer)))

describe("E2eeSender", () => {
  test(
    "encrypts frames on their way out of the ring, but not silence",
    Effect.gen(function*() {
      const { sender, state } = yield* rig()
      const ring = FrameRing.make({ shared: false })
      const source = sender.protect(ring)
      const into = new Uint8Array(256)
      assert.strictEqual(source.next(), -1)
      assert.strictEqual(source.read(into, 12), -1)
      ring.write(frame, 960)
      ring.write(OpusPacket.silenceFrame(), 480)
      ring.write(frame, 1_920)
      ring.write(frame, 120)
      ring.end()

      assert.strictEqual(source.next(), frame.length)
      const length = source.read(into, 12)
      assert.strictEqual(source.samples(), 960)
      assert.deepStrictEqual(into.slice(12, 12 + length), MockDave.protect(frame, 1))

      assert.strictEqual(source.read(into, 12), 3)
      assert.isTrue(OpusPacket.isSilence(into.slice(12, 15)))
      assert.strictEqual(source.samples(), 480)

      source.discard()
      assert.strictEqual(source.samples(), 1_920)
      assert.isFalse(source.isDrained())

      state.isEncrypting = false
      assert.strictEqual(source.read(into, 12), frame.length)
      assert.deepStrictEqual(into.slice(12, 16), frame)
      assert.isTrue(source.isDrained())
      assert.strictEqual(sender.statistics().encrypted, 1)
    })
  )

  test(
    "closes each source once, whoever is done with it first",
    Effect.gen(function*() {
      const { sender, state } = yield* rig()
      const [first, second] = [FrameRing.make(), FrameRing.make()].map((ring) => sender.protect(ring))
      first?.close?.()
      first?.close?.()
      assert.strictEqual(state.closed, 1)
      sender.close()
      assert.strictEqual(state.closed, 2)
      second?.close?.()
      assert.strictEqual(state.closed, 2)
    })
  )

  test(
    "rings are open as long as their sources",
    Effect.gen(function*() {
      const { sender } = yield* rig()
      const ring = FrameRing.make()
      const source = sender.protect(ring)
      assert.isFalse(ring.isTaken())
      source.open?.()
      assert.isTrue(ring.isTaken())
      source.close?.()
      assert.isFalse(ring.isTaken())
    })
  )

  test(
    "what cannot be encrypted is not sent",
    Effect.gen(function*() {
      const { sender } = yield* rig({ isMember: false })
      const ring = FrameRing.make({ shared: false })
      ring.write(frame, 960)
      assert.strictEqual(sender.protect(ring).read(new Uint8Array(256), 0), 0)
      assert.strictEqual(ring.next(), -1, "its time is over all the same")
      assert.strictEqual(sender.statistics().failedToEncrypt, 1)
    })
  )
})
