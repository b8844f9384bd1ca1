/**
 * Foreign clients and what Discord's servers do on their own: silence that they add, SSRCs that are reused, and video
 * of others.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as Rig from "../integration/rig.ts"
import type * as Foreign from "./Foreign.ts"
import * as Group from "./Group.ts"
import * as Trial from "./Trial.ts"

/** What was heard from this user is exactly what was said, in order. */
const heardOnly = (client: Trial.Client, userId: string, seeds: ReadonlyArray<number>) =>
  Trial.until(Effect.sync(() => {
    const heard = client.heard(userId)
    for (const seed of seeds) assert.deepStrictEqual(Trial.ofSpeech(heard, seed), Rig.payloads(Rig.frames(20, seed)))
    assert.deepStrictEqual(heard.filter((packet) => packet[0] !== 0xfc || packet[1] !== 0), [])
  }))

/** Speaks until the client knows whose audio it is; only what follows is compared. */
const says = Effect.fnUntraced(function*(client: Trial.Client, guest: Emulator.Participant, seed: number) {
  const introduction = seed + 50
  while (Trial.ofSpeech(client.heard(guest.userId), introduction).length === 0) {
    yield* guest.speak(Rig.frames(5, introduction), { trailingSilence: false })
    yield* Effect.sleep("300 millis")
  }
  yield* guest.speak(Rig.frames(20, seed), { trailingSilence: false })
  yield* Effect.sleep("400 millis")
  yield* heardOnly(client, guest.userId, [seed])
})

const trial = (script: Foreign.Script, e2ee: boolean) =>
  Effect.gen(function*() {
    const channel = e2ee ? "secure" : "lobby"
    const discord = yield* Emulator.Emulator
    const witness = yield* discord.join({ user: "witness", channel, e2ee })
    const leaving = Effect.gen(function*() {
      const first = yield* discord.join({ user: "first", channel, e2ee })
      yield* first.setSelf({ video: true })
      const client = yield* Trial.start(script, { e2ee })
      yield* client.join(channel)
      yield* client.listen(first.userId)
      if (e2ee) yield* Group.agreed(channel, client, [witness, first])
      yield* says(client, first, 1)
      return { client, ssrc: yield* first.ssrc, userId: first.userId }
    })
    const { client, ssrc, userId } = yield* leaving
    yield* discord.faults.kick("first")
    yield* Trial.until(Effect.gen(function*() {
      assert.notInclude((yield* discord.snapshot).voiceStates.map((state) => state.userId), userId)
    }))
    const second = yield* discord.join({ user: "second", channel, e2ee })
    assert.strictEqual(yield* second.ssrc, ssrc)
    yield* second.setSelf({ video: true })
    yield* client.listen(second.userId)
    if (e2ee) yield* Group.agreed(channel, client, [witness, second])
    yield* says(client, second, 2)
    yield* Trial.speaks(client, second, 3)
    // packets overtake the message that says whose they are: the first ones of the second user may be taken for the
    // first user's
    assert.deepStrictEqual(Trial.ofSpeech(client.heard(userId), 2), [])
    const counters = yield* discord.counters
    for (const name of ["silence-added", "ssrc-reused", "video-forwarded"]) assert.isAbove(counters.get(name) ?? 0, 0)
    yield* Trial.blameless
  }).pipe(Effect.scoped, Effect.provide(Group.discordOf(habits)))

const habits = { addedSilence: 5, ssrcReuse: "after-leaving", guestVideo: "sent", maxPadding: 0 } as const

for (
  const [name, script] of [
    ["@discordjs/voice 0.19.2", "discordjs-voice.script.ts"],
    ["dysnomia 0.2.4", "dysnomia.script.ts"]
  ] as const
) {
  describe(name, () => {
    it.live(
      "hears each user correctly despite video, added silence and a reused SSRC",
      () => trial(script, false)
    )
    it.live(
      "hears each user correctly despite video, added silence and a reused SSRC, end-to-end encrypted",
      () => trial(script, true)
    )
  })
}
