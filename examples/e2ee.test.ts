/**
 * Tests end-to-end encryption in the emulator, in memory and on virtual time: privacy codes, a client without
 * encryption, and a client that falls behind. Run it with Vitest.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Emulator } from "effect-discord-voice/emulator"
import { Time } from "effect-discord-voice/testing"

const frames = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ data: Uint8Array.of(0xfc, i), samples: 960 }))

/** Lets a guest say ten frames, and advances the clock by a second. */
const say = Effect.fnUntraced(function*(guest: Emulator.Participant) {
  yield* Effect.forkScoped(guest.speak(frames(10)))
  yield* Time.advance("1 second")
})

/** Counts the frames that a guest has heard, without silence. */
const voiced = (guest: Emulator.Participant) =>
  Effect.map(guest.heard, (heard) => heard.filter(({ silence }) => !silence).length)

/** Encryption is optional in this channel. Discord no longer has such channels. */
const open: Emulator.WorldOptions = { channels: [{ name: "lobby", e2ee: "optional" }] }

describe("end-to-end encryption", () => {
  it.effect("gives everyone in the channel the same code", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const alice = yield* discord.join({ user: "alice", channel: "secure" })
      const bob = yield* discord.join({ user: "bob", channel: "secure" })
      yield* say(alice)
      const [first] = yield* bob.awaitFrames(1)
      assert.isTrue(first?.encrypted)
      assert.deepStrictEqual(first?.payload, frames(1)[0]?.data)

      const codes = yield* discord.privacyCodes("secure")
      assert.strictEqual(codes.size, 2)
      const [code, ...others] = new Set(codes.values())
      assert.match(code ?? "", /^\d{30}$/)
      assert.lengthOf(others, 0)
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory())))

  it.effect("is off while a client without it is in the channel, and then resumes", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const alice = yield* discord.join({ user: "alice", channel: "lobby" })
      const bob = yield* discord.join({ user: "bob", channel: "lobby" })
      const old = yield* discord.join({ user: "old", channel: "lobby", e2ee: false })
      yield* say(alice)
      assert.isUndefined(yield* bob.e2ee)
      assert.strictEqual(yield* voiced(old), 10)
      yield* old.leave
      yield* say(alice)
      assert.deepStrictEqual((yield* bob.e2ee)?.members, [alice.userId, bob.userId])
      assert.strictEqual(yield* voiced(bob), 20)
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory({ world: open }))))

  it.effect("fails for a client that stays in an old epoch, until it catches up", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const alice = yield* discord.join({ user: "alice", channel: "secure" })
      const bob = yield* discord.join({ user: "bob", channel: "secure", misbehave: { epoch: "stale" } })
      yield* discord.join({ user: "carol", channel: "secure" })
      yield* say(alice)
      assert.strictEqual(yield* voiced(bob), 0)
      assert.strictEqual((yield* bob.undecryptable).get("no-key"), 10)
      yield* bob.misbehave({})
      yield* say(alice)
      assert.strictEqual(yield* voiced(bob), 10)
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory())))
})
