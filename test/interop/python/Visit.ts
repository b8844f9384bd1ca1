/**
 * The visit of a Python bot: it plays and, if it can, listens, moves, is moved, cut off, kicked and comes back.
 *
 * discord.py 2.7 and py-cord 2.8 read UDP in a thread that waits for the socket of the former connection for up to 30
 * seconds, unless something arrives there, so their moves and reconnects can take that long.
 */
import { assert } from "@effect/vitest"
import ffmpeg from "@ffmpeg-installer/ffmpeg"
import { Effect } from "effect"
import { fileURLToPath } from "node:url"
import * as Emulator from "../../../src/emulator/Emulator.ts"
import * as Rig from "../../integration/rig.ts"
import type * as Foreign from "../Foreign.ts"
import * as Group from "../Group.ts"
import * as Trial from "../Trial.ts"

export const song = fileURLToPath(new URL("../../../examples/song.ogg", import.meta.url))

/**
 * discord.py can miss what comes immediately after the first voice event, and its extension does not remove padding.
 */
export const habits = { maxPadding: 0, voiceEventGapMs: 100 }

/** With end-to-end encryption, if the client supports it. */
export const discordE2ee = Group.discordOf(habits)

/** Without it: the channels admit clients that cannot encrypt. */
export const discord = Emulator.layer({
  tls: true,
  profile: { ...Rig.open, ...habits, voiceHeartbeatIntervalMs: 5_000 },
  world: { channels: [{ name: "other" }] }
})

const hex = (packets: ReadonlyArray<Uint8Array>) => packets.map((packet) => Buffer.from(packet).toString("hex"))

/** The packets that discord.py and its descendants take for audio in an Ogg file, which include the two headers. */
export const playsFile = Effect.fnUntraced(function*(
  client: Trial.Client,
  guest: Emulator.Participant,
  us: Trial.Ours
) {
  const packets = yield* Trial.packetsOf(song)
  yield* client.playFile(song)
  const headers = (heard: ReadonlyArray<Uint8Array>) =>
    heard.slice(0, 2).map((packet) => Buffer.from(packet.subarray(0, 8)).toString("latin1"))
  yield* Trial.until(Effect.gen(function*() {
    const frames = (yield* guest.heard).filter(({ silence, userId }) => !silence && userId === client.userId)
    for (const heard of [frames.map(({ payload }) => payload), us.heard(client.userId)]) {
      assert.deepStrictEqual(headers(heard), ["OpusHead", "OpusTags"])
      assert.deepStrictEqual(hex(heard.slice(2)), hex(packets))
    }
  }))
})

/** What `voiceStateUpdate` reported about a user, in order. */
const moves = (client: Trial.Client, userId: string) =>
  client.foreign.told().filter(({ _tag, user }) => _tag === "VoiceStateUpdate" && user === userId)
    .map(({ channel }) => channel)

/** The client logs in over its own REST and main gateway, and sees who is in voice. */
export const sees = Effect.fnUntraced(
  function*(script: Foreign.Script, extra: { readonly [name: string]: unknown } = {}) {
    const discord = yield* Emulator.Emulator
    const lobby = yield* discord.channel("lobby")
    const other = yield* discord.channel("other")
    const early = yield* discord.join({ user: "early", channel: "lobby" })
    const client = yield* Trial.start(script, extra)
    const world = yield* client.foreign.untilTag("World")
    assert.match(String(world["user"]), /^bot#\d{4}$/)
    assert.strictEqual(world["application"], client.userId)
    assert.strictEqual(world["guild"], "guild")
    assert.strictEqual(world["member"], "bot")
    assert.strictEqual(world["fetched"], 4)
    assert.deepStrictEqual(world["occupants"], [{ user: early.userId, channel: lobby }])
    assert.deepInclude(world["channels"], { id: other, name: "other" })

    const late = yield* discord.join({ user: "late", channel: "lobby" })
    const saw = (channels: ReadonlyArray<unknown>) =>
      Trial.until(Effect.sync(() => assert.deepStrictEqual(moves(client, late.userId), channels)))
    yield* saw([lobby])
    yield* discord.faults.moveUser("late", "other")
    // these libraries change the state in place: a handler that is called late sees the next one
    yield* saw([lobby, other])
    yield* late.leave
    yield* saw([lobby, other, null])
    yield* Trial.blameless
    return client
  }
)

const isReady = Trial.isState("ready")

export interface Options {
  readonly script: Foreign.Script
  /** Whether the client can listen. Default: true. */
  readonly listens?: boolean
  /** Whether the channels are end-to-end encrypted. */
  readonly e2ee: boolean
}

export const visit = Effect.fnUntraced(
  function*({ e2ee, listens = true, script }: Options) {
    const [here, there] = e2ee ? ["secure", "vault"] as const : ["lobby", "other"] as const
    const discord = yield* Emulator.Emulator
    const guest = yield* discord.join({ user: "guest", channel: here })
    const other = yield* discord.join({ user: "other", channel: there })
    const client = yield* Trial.start(script, { e2ee, ffmpeg: ffmpeg.path })
    const us = yield* Trial.ours(here)
    const { foreign } = client
    const together = Effect.fnUntraced(function*(seed: number, channel: string) {
      const [member, ours] = channel === here ? [guest, us] : [other, undefined]
      if (e2ee) yield* Group.agreed(channel, client, [member], ours)
      yield* Trial.speaks(client, member, seed, ours)
      if (listens) yield* Trial.listens(client, member, seed + 1, ours)
    })

    yield* client.join(here)
    if (listens) { for (const { userId } of [guest, other, us]) yield* client.listen(userId) }
    if (e2ee) yield* Group.agreed(here, client, [guest], us)
    yield* playsFile(client, guest, us)
    yield* together(1, here)

    yield* client.join(there)
    yield* together(3, there)
    assert.isEmpty(Trial.ofSpeech(us.heard(client.userId), 3))

    const moved = foreign.told().length
    yield* discord.faults.moveUser("bot", here)
    yield* foreign.until(isReady, moved)
    yield* together(5, here)

    const cut = foreign.told().length
    yield* discord.faults.terminateVoice("bot")
    yield* foreign.until(isReady, cut)
    yield* together(7, here)

    const kicked = foreign.told().length
    yield* discord.faults.kick("bot")
    yield* foreign.until(Trial.isState("disconnected"), kicked)
    yield* Trial.gone(client)
    yield* client.join(here)
    yield* together(9, here)

    yield* client.leave
    yield* Trial.gone(client)
    yield* client.join(here)
    yield* together(11, here)
    yield* Trial.blameless
  }
)
