/** `@discordjs/voice` 0.16.1 of November 2023, unmodified: voice gateway v4 in the three modes of its time. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Profile from "../../../src/emulator/core/Profile.ts"
import * as Emulator from "../../../src/emulator/Emulator.ts"
import type { EncryptionMode } from "../../../src/protocol/EncryptionMode.ts"
import * as Rig from "../../integration/rig.ts"
import type * as Foreign from "../Foreign.ts"
import * as Scene from "./Scene.ts"

const title = "@discordjs/voice 0.16.1"

/** Its player prepares five frames of silence for the end, and goes idle before the fifth is sent. */
const silences = 4

/** A mode in which one key and one counter have to last: a repeated nonce is a violation. */
const mode = "xsalsa20_poly1305_lite"

/** The messages with this opcode that it sent to voice gateways. */
const sent = (foreign: Scene.Client, op: number) =>
  foreign.told().filter((told) => told._tag === "Sent" && told["op"] === op)

/** Both are in the lobby and know about each other; the foreign client listens. */
const meet = Effect.fnUntraced(function*(mode: EncryptionMode) {
  const ours = yield* Scene.ours(mode)
  const foreign = yield* Scene.start("discordjs-voice.ts")
  yield* foreign.untilTag("Connection:ready")
  yield* foreign.until((told): told is Foreign.Told => told._tag === "Knows" && told["userId"] === ours.session.userId)
  yield* Scene.listen(foreign, ours.session.userId)
  yield* Scene.announce(foreign, ours)
  return { foreign, ours }
})

describe(title, () => {
  for (const mode of Profile.year2022.modes) {
    it.live(`is heard and hears frame for frame in ${mode}`, () =>
      Effect.gen(function*() {
        const { foreign, ours } = yield* meet(mode)
        const said = Rig.frames(60, 1)
        const answered = Rig.frames(60, 2)
        yield* Scene.play(foreign, said)
        const track = yield* ours.session.play(Rig.source(60, 2))
        assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })

        yield* Scene.untilSync("all is heard by us", () => ours.packets.length >= said.length + silences)
        assert.deepStrictEqual(ours.packets.map(({ payload }) => payload), Scene.closed(said, silences))
        Scene.inOrder(ours.packets)
        assert.strictEqual(ours.packets.at(-1)?.userId, foreign.userId)
        yield* Scene.untilSync("all is heard there", () =>
          Scene.heardBy(foreign, ours.session.userId).length >= answered.length + 5)
        assert.deepStrictEqual(Scene.heardBy(foreign, ours.session.userId), Scene.closed(answered))

        yield* Scene.leave(foreign)
        yield* Scene.judged(title)
      }).pipe(Effect.scoped, Effect.provide(Scene.layer(mode))), Scene.limit)
  }
  it.live("resumes when its socket is cut, and still hears and is heard", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const { foreign, ours } = yield* meet(mode)
      const said = Rig.frames(120, 1)
      const { session } = ours
      yield* Scene.play(foreign, said)
      const track = yield* session.play(Rig.source(120, 2))
      yield* Scene.untilSync("both are in the middle", () =>
        ours.packets.length >= 20 && Scene.heardBy(foreign, session.userId).length >= 20)
      yield* discord.faults.terminateVoice(Scene.foreignName)
      yield* Scene.until(
        "it has resumed",
        Effect.map(Scene.counter("voice-resumed"), (count) =>
          count === 1)
      )
      yield* foreign.untilTag("Player:idle")
      assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })

      // UDP continues without the WebSocket
      yield* Scene.untilSync("all is heard there", () => Scene.heardBy(foreign, session.userId).length >= 125)
      assert.deepStrictEqual(Scene.heardBy(foreign, session.userId), Scene.closed(Rig.frames(120, 2)))
      // what its player emits while it resumes is lost, and it continues with the next sequence number
      const during = Scene.positions(said, ours.packets.map(({ payload }) => payload))
      const gap = during.findIndex((position, i) => position !== i)
      const before = gap === -1 ? during.length : gap
      assert.isAtLeast(before, 20)
      assert.deepStrictEqual(during.slice(before), Scene.range(during[before] ?? said.length, said.length))
      Scene.inOrder(ours.packets)

      const afterwards = Rig.frames(30, 3)
      yield* Scene.play(foreign, afterwards)
      yield* Scene.untilSync(
        "all of what is said after the resume is heard by us",
        () => Scene.endsWith(ours.packets, Scene.closed(afterwards, silences))
      )
      assert.strictEqual(new Set(ours.packets.map(({ ssrc }) => ssrc)).size, 1)
      assert.deepStrictEqual(sent(foreign, 0).length, 1)
      assert.deepStrictEqual(sent(foreign, 7).length, 1)

      yield* Scene.leave(foreign)
      yield* Scene.judged(title)
    }).pipe(Effect.scoped, Effect.provide(Scene.layer(mode))), Scene.limit)

  it.live("follows a move, is removed by a kick, and comes back", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const guest = yield* Effect.orDie(discord.join({ user: "guest", channel: "other" }))
      const { foreign, ours } = yield* meet(mode)
      const said = Rig.frames(100, 1)
      yield* Scene.play(foreign, said)
      yield* Scene.untilSync("it is in the middle", () => ours.packets.length >= 20)
      const stayed = foreign.told().length
      yield* discord.faults.moveUser(Scene.foreignName, "other")
      // whether it is "disconnected" in between depends on which socket is faster
      yield* foreign.untilTag("Connection:ready", stayed)
      yield* foreign.untilTag("Player:idle")
      yield* Scene.until(
        "the end is heard in the other channel",
        Effect.map(guest.heard, (heard) => Scene.endsWith(heard, Scene.closed(said.slice(-1), silences)))
      )
      const here = Scene.positions(said, ours.packets.map(({ payload }) => payload))
      const heard = yield* guest.heard
      const there = Scene.positions(said, heard.map(({ payload }) => payload))
      assert.deepStrictEqual(here, Scene.range(0, here.length))
      assert.deepStrictEqual(there, Scene.range(there[0] ?? 0, said.length))
      assert.isAtLeast(there[0] ?? 0, here.length)
      assert.isAbove(there.length, 0)
      Scene.inOrder(heard)

      yield* Scene.listen(foreign, guest.userId)
      yield* guest.setSpeaking(1)
      yield* foreign.until((told): told is Foreign.Told => told._tag === "Knows" && told["userId"] === guest.userId)
      yield* Effect.orDie(guest.speak(Rig.frames(30, 2)))
      yield* Scene.untilSync("the guest is heard there", () => Scene.heardBy(foreign, guest.userId).length >= 35)
      assert.deepStrictEqual(Scene.heardBy(foreign, guest.userId), Scene.closed(Rig.frames(30, 2)))

      const moved = foreign.told().length
      yield* discord.faults.kick(Scene.foreignName)
      const { closeCode } = yield* foreign.untilTag("Connection:disconnected", moved)
      assert.strictEqual(closeCode, 4014)
      yield* Scene.untilGone("it is out", foreign)
      yield* foreign.tell({ _tag: "Rejoin" })
      yield* foreign.untilTag("Connection:ready", moved)
      assert.isTrue((yield* discord.snapshot).voiceStates.some(({ userId }) => userId === foreign.userId))

      yield* Scene.leave(foreign)
      yield* Scene.judged(title)
    }).pipe(Effect.scoped, Effect.provide(Scene.layer(mode))), Scene.limit)
})
