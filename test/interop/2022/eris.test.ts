/** `eris` 0.17.2 of July 2023, unmodified, with its own REST and main gateway: voice gateway v4, xsalsa20_poly1305. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Emulator from "../../../src/emulator/Emulator.ts"
import { ogg } from "../../audio/samples.ts"
import * as Rig from "../../integration/rig.ts"
import type * as Foreign from "../Foreign.ts"
import * as Scene from "./Scene.ts"

const title = "eris 0.17.2"

/** The only mode that it knows. */
const mode = "xsalsa20_poly1305"

/**
 * Its five frames of silence leave in one go from a single buffer, which `dgram` reads only afterward: the last one is
 * sent five times, and the voice server drops four as duplicates. No thread is known.
 */
const silences = 1

/** Both are in the lobby and know about each other; the foreign client listens. */
const meet = Effect.gen(function*() {
  const ours = yield* Scene.ours(mode)
  const foreign = yield* Scene.start("eris.ts")
  yield* foreign.untilTag("Connection:ready")
  yield* Scene.listen(foreign, ours.session.userId)
  yield* Scene.announce(foreign, ours)
  return { foreign, ours }
})

const fileOf = (bytes: Uint8Array) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "eris-"))),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
    ),
    (folder) => {
      const file = join(folder, "song.ogg")
      writeFileSync(file, bytes)
      return file
    }
  )

/** The messages with this opcode that it sent to voice gateways. */
const sent = (foreign: Scene.Client, op: number) =>
  foreign.told().filter((told) => told._tag === "Sent" && told["op"] === op)

/** Back in the lobby on a new connection, it is heard by our client frame for frame. */
const heardAgain = Effect.fnUntraced(function*(foreign: Scene.Client, ours: Scene.Ours) {
  const said = Rig.frames(30, 9)
  yield* Scene.announce(foreign, ours)
  yield* Scene.play(foreign, said)
  yield* Scene.untilSync(
    "it is heard again by us",
    () => Scene.endsWith(ours.packets, Scene.closed(said, silences))
  )
})

describe(title, () => {
  it.live("logs in on its own, is heard and hears frame for frame", () =>
    Effect.gen(function*() {
      const { foreign, ours } = yield* meet
      const said = Rig.frames(60, 1)
      const answered = Rig.frames(60, 2)
      yield* Scene.play(foreign, said)
      const track = yield* ours.session.play(Rig.source(60, 2))
      assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })

      yield* Scene.untilSync("all is heard by us", () => ours.packets.length >= said.length + silences)
      assert.deepStrictEqual(ours.packets.map(({ payload }) => payload), Scene.closed(said, silences))
      Scene.inOrder(ours.packets.slice(0, said.length))
      assert.strictEqual(ours.packets.at(-1)?.userId, foreign.userId)
      yield* Scene.untilSync("all is heard there", () => Scene.heardBy(foreign, ours.session.userId).length >= 65)
      assert.deepStrictEqual(Scene.heardBy(foreign, ours.session.userId), Scene.closed(answered))

      assert.strictEqual(yield* Scene.counter("datagram-duplicate"), 4)

      yield* Scene.leave(foreign)
      yield* Scene.judged(title)
    }).pipe(Effect.scoped, Effect.provide(Scene.layer(mode))), Scene.limit)
  it.live("plays an Ogg file frame for frame", () =>
    Effect.gen(function*() {
      const { foreign, ours } = yield* meet
      const said = Rig.frames(60, 1)
      yield* foreign.tell({ _tag: "PlayFile", file: yield* fileOf(ogg(said)) })
      yield* Scene.untilSync("all is heard by us", () => ours.packets.length >= said.length + silences)
      assert.deepStrictEqual(ours.packets.map(({ payload }) => payload), Scene.closed(said, silences))
      yield* Scene.leave(foreign)
      yield* Scene.judged(title)
    }).pipe(Effect.scoped, Effect.provide(Scene.layer(mode))), Scene.limit)

  it.live(
    "follows a move, but spoils one packet itself (no thread is known), is removed by a kick, and comes back",
    () =>
      Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        const guest = yield* Effect.orDie(discord.join({ user: "guest", channel: "other" }))
        const { foreign, ours } = yield* meet
        const said = Rig.frames(100, 1)
        yield* Scene.play(foreign, said)
        yield* Scene.untilSync("it is in the middle", () => ours.packets.length >= 20)
        const stayed = foreign.told().length
        yield* discord.faults.moveUser(Scene.foreignName, "other")
        yield* foreign.untilTag("Connection:ready", stayed)
        yield* foreign.untilTag("Player:idle", stayed)
        yield* Scene.until(
          "the end is heard in the other channel",
          Effect.map(guest.heard, (heard) => Scene.endsWith(heard, Scene.closed(said.slice(-1), silences)))
        )
        const here = Scene.positions(said, ours.packets.map(({ payload }) => payload))
        const there = Scene.positions(said, (yield* guest.heard).map(({ payload }) => payload))
        assert.deepStrictEqual(here, Scene.range(0, here.length))
        assert.deepStrictEqual(there, Scene.range(there[0] ?? 0, said.length))
        assert.isAtLeast(there[0] ?? 0, here.length)

        yield* Scene.listen(foreign, guest.userId)
        yield* guest.setSpeaking(1)
        yield* foreign.until((told): told is Foreign.Told => told._tag === "Knows" && told["userId"] === guest.userId)
        yield* Effect.orDie(guest.speak(Rig.frames(30, 2)))
        yield* Scene.untilSync("the guest is heard there", () => Scene.heardBy(foreign, guest.userId).length >= 35)
        assert.deepStrictEqual(Scene.heardBy(foreign, guest.userId), Scene.closed(Rig.frames(30, 2)))

        const moved = foreign.told().length
        yield* discord.faults.kick(Scene.foreignName)
        yield* foreign.untilTag("Connection:disconnect", moved)
        yield* Scene.untilGone("it is out", foreign)
        yield* foreign.tell({ _tag: "Rejoin" })
        yield* foreign.untilTag("Connection:ready", moved)
        yield* heardAgain(foreign, ours)

        yield* Scene.leave(foreign)
        // once connected again, it writes its next frame over the silence in the buffer that `dgram` has not read yet
        yield* Scene.judged(title, ["unsealed-packet"])
      }).pipe(Effect.scoped, Effect.provide(Scene.layer(mode))),
    Scene.limit
  )

  it.live(
    "identifies instead of resuming (abalabahaha/eris#1448), is refused, and can be called back",
    () =>
      Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        const { foreign, ours } = yield* meet
        yield* Scene.play(foreign, Rig.frames(500, 1))
        yield* Scene.untilSync("it is in the middle", () => ours.packets.length >= 20)
        yield* discord.faults.terminateVoice(Scene.foreignName)
        const { error } = yield* foreign.untilTag("Connection:disconnect")
        assert.match(String(error), /^4006: /)
        assert.deepStrictEqual(sent(foreign, 7), [])
        yield* Scene.untilGone("it is out", foreign)

        const out = foreign.told().length
        yield* foreign.tell({ _tag: "Rejoin" })
        yield* foreign.untilTag("Connection:ready", out)
        yield* heardAgain(foreign, ours)

        yield* Scene.leave(foreign)
        yield* Scene.judged(title, ["identify-for-resume"])
      }).pipe(Effect.scoped, Effect.provide(Scene.layer(mode))),
    Scene.limit
  )
})
