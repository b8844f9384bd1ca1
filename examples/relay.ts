/**
 * Carries what is said in one guild to another one, and back. Only users who hold a button are carried, so that nobody is
 * carried who does not know of it. Runs against the emulator; no token needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { type Duration, Effect, Layer, Stream } from "effect"
import { AudioSource, OpusEncoder, type UserId, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import { Hearing } from "effect-discord-voice/testing"
import assert from "node:assert/strict"

/** Carries the users in `talking` from one session to the other. */
const carry = Effect.fnUntraced(function*(
  from: VoiceSession.VoiceSession,
  to: VoiceSession.VoiceSession,
  talking: ReadonlySet<UserId>,
  maxDelay: Duration.Input
) {
  const sound = from.receive.mixed({ users: (userId) => talking.has(userId) }).pipe(
    // nothing is sent while nobody talks
    Stream.filter(({ speakers }) => speakers.length > 0),
    Stream.map(({ pcm }) => pcm)
  )
  const source = AudioSource.live(
    AudioSource.fromPcm(sound, { rate: 48_000, channels: 2, name: "relay" }),
    { buffer: maxDelay }
  )
  return yield* to.play(source, { starveTimeout: "Infinity", refill: "60 millis" })
})

/** Connects two channels for as long as both sessions live. The set says who holds the button, and may change at any time. */
const relay = (
  [one, two]: readonly [VoiceSession.VoiceSession, VoiceSession.VoiceSession],
  talking: ReadonlySet<UserId>
) => Effect.all([carry(one, two, talking, "300 millis"), carry(two, one, talking, "300 millis")])

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const ada = yield* discord.join({ user: "ada", channel: "north" })
  const bob = yield* discord.join({ user: "bob", channel: "south" })
  const voice = yield* Layer.build(discord.layerVoice("bot"))
  const join = Effect.fnUntraced(function*(guild: string, channel: string) {
    const where = { guildId: yield* discord.guild(guild), channelId: yield* discord.channel(channel) }
    return yield* VoiceSession.join({ ...where, receive: { tickDelay: "80 millis" } })
  }, Effect.provide(voice))
  const sessions = [yield* join("one", "north"), yield* join("two", "south")] as const
  const talking = new Set<UserId>()
  yield* relay(sessions, talking).pipe(Effect.provide(voice))
  yield* Effect.all([ada.awaitHeardBy("bot"), bob.awaitHeardBy("bot")])

  const say = (frequency: number) =>
    AudioSource.readFrames(AudioSource.encoded(AudioSource.tone({ frequency, duration: "1 second" })))
  const [low, high] = [yield* say(440), yield* say(880)]
  const bothSpeak = Effect.all([ada.speak(low), bob.speak(high)], { concurrency: "unbounded" })
  yield* bothSpeak
  yield* Effect.sleep("500 millis")
  // nobody holds the button
  assert.deepEqual(yield* ada.heard, [])
  assert.deepEqual(yield* bob.heard, [])

  talking.add(ada.userId).add(bob.userId)
  yield* bothSpeak
  yield* Effect.sleep("500 millis")
  const [north, south] = [yield* Hearing.decode(yield* ada.heard), yield* Hearing.decode(yield* bob.heard)]
  yield* Effect.log(
    `ada hears bob at ${Math.round(north.levelAt(880))} dBFS, and herself at ${Math.round(north.levelAt(440))}`
  )
  // each hears the other, and not themselves
  assert.ok(north.levelAt(880) > north.levelAt(440) + 40)
  assert.ok(south.levelAt(440) > south.levelAt(880) + 40)
  assert.deepEqual(yield* discord.violations, [])
}).pipe(
  Effect.scoped,
  Effect.provide([
    OpusEncoder.layer,
    Emulator.layer({
      world: {
        guilds: [{ name: "one" }, { name: "two" }],
        channels: [{ name: "north", guild: "one" }, { name: "south", guild: "two" }]
      }
    })
  ])
)

NodeRuntime.runMain(program)
