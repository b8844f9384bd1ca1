/**
 * A bot in an end-to-end encrypted call. Whenever the group changes, it shows the voice privacy code, by which everyone
 * can see that all are in the same group. With the verification code, two members can check each other. Runs against
 * the emulator; no token needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Stream } from "effect"
import { AudioSource, OpusEncoder, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"
import * as tone from "./tone.ts"

/** Reports each change of the group until the scope closes. */
const tellCodes = Effect.fnUntraced(function*(
  session: VoiceSession.VoiceSession,
  tell: (line: string) => Effect.Effect<void>
) {
  const events = yield* session.events
  yield* events.pipe(
    Stream.filter((event) => event._tag === "E2eeChanged"),
    Stream.runForEach(({ e2ee }) =>
      e2ee.version > 0 && e2ee.membership !== undefined
        ? tell(`epoch ${e2ee.membership.epoch}, voice privacy code ${e2ee.membership.privacyCode}`)
        : tell("not encrypted, or not yet")
    ),
    Effect.forkScoped({ startImmediately: true })
  )
})

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const ada = yield* discord.join({ user: "ada", channel: "secure" })
  const where = { guildId: yield* discord.guild("guild"), channelId: yield* discord.channel("secure") }
  const frames = yield* tone.frames(2)

  yield* Effect.gen(function*() {
    const session = yield* VoiceSession.join(where)
    yield* tellCodes(session, Effect.log)
    const track = yield* session.play(AudioSource.fromFrames(frames))
    const heard = yield* ada.awaitFrames(50)
    assert.ok(heard.every(({ encrypted }) => encrypted), "Discord cannot read any of it")

    const bob = yield* discord.join({ user: "bob", channel: "secure" })
    yield* bob.awaitFrames(1)
    const { membership } = yield* session.e2ee
    assert.deepEqual(
      [membership?.privacyCode, (yield* bob.e2ee)?.privacyCode],
      Array.from({ length: 2 }, () => membership?.privacyCode)
    )
    assert.equal(yield* session.verificationCode(ada.userId), yield* ada.verificationCode("bot"))
    yield* track.awaitEnd

    const { framesEncrypted, framesWithheld } = yield* session.statistics
    yield* Effect.log({ framesEncrypted, framesWithheld })
    assert.equal(framesEncrypted, frames.length)
  }).pipe(Effect.scoped, Effect.provide(discord.layerVoice("bot")))

  assert.deepEqual(yield* discord.violations, [])
}).pipe(Effect.scoped, Effect.provide([Emulator.layer(), OpusEncoder.layer]))

NodeRuntime.runMain(program)
