/**
 * A bot with slash commands, autocompletion and a command in a context menu. It uses no other Discord library:
 * interactions arrive as dispatches of this package's own gateway client, and the bot answers over REST. In the
 * emulator, a user types the commands; no token needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Cause, Effect, Schema, Stream } from "effect"
import { AudioSource, Gateway, TrackQueue, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"

/** The fields of an interaction that the bot uses. */
const Interaction = Schema.Struct({
  // 2 is a command, 4 is a command that is still being typed (autocompletion)
  type: Schema.Literals([2, 4]),
  id: Schema.String,
  token: Schema.String,
  data: Schema.Struct({
    name: Schema.String,
    options: Schema.optionalKey(Schema.Array(
      Schema.Struct({ name: Schema.String, value: Schema.Unknown, focused: Schema.optionalKey(Schema.Boolean) })
    ))
  })
})

const suggestions = ["once", "twice", "three times"].map((name, index) => ({ name, value: index + 1 }))

const song = AudioSource.fromFile(new URL("song.ogg", import.meta.url))

const bot = Effect.fnUntraced(function*(where: VoiceSession.JoinOptions) {
  const rest = yield* Gateway.Rest
  const gateway = yield* Gateway.Gateway
  const { subscribe } = yield* Gateway.Dispatches
  const dispatches = yield* subscribe
  const userId = yield* gateway.userId
  const times = { type: 4, name: "times", description: "How many times to play it", autocomplete: true }
  yield* rest.put(`/applications/${userId}/commands`, [
    { name: "play", description: "Play the song", options: [times] },
    { name: "stop", description: "Stop the song" },
    // a command in the context menu of messages
    { name: "Play it again", type: 3 }
  ])
  const session = yield* VoiceSession.join(where)
  const queue = yield* TrackQueue.make(session)

  const perform = Effect.fnUntraced(function*({ name, options = [] }: typeof Interaction.Type["data"]) {
    if (name === "stop") {
      yield* queue.stop
      return "Stopped."
    }
    const count = Number(options.find((option) => option.name === "times")?.value ?? 1)
    for (let i = 0; i < count; i++) yield* queue.add(song)
    return `Songs added to the queue: ${count}.`
  })

  const suggest = ({ options = [] }: typeof Interaction.Type["data"]) => {
    const typed = String(options.find(({ focused }) => focused)?.value ?? "")
    return suggestions.filter(({ name }) => name.startsWith(typed))
  }

  const answer = ({ data, id, token, type }: typeof Interaction.Type) =>
    Effect.gen(function*() {
      if (type === 4) return { type: 8, data: { choices: suggest(data) } }
      return { type: 4, data: { content: yield* perform(data) } }
    }).pipe(
      Effect.flatMap((body) => rest.post(`/interactions/${id}/${token}/callback`, body)),
      // a command that fails must not end the bot
      Effect.catchCauseIf(
        (cause) => !Cause.hasInterruptsOnly(cause),
        (cause) => Effect.logError("A command failed", cause)
      )
    )

  yield* Effect.logInfo("The bot is ready")
  yield* dispatches.pipe(
    Stream.filter(({ t }) => t === "INTERACTION_CREATE"),
    // buttons and other interactions have another shape, and are skipped
    Stream.map(({ d }) => Schema.decodeUnknownOption(Interaction)(d)),
    Stream.filter((interaction) => interaction._tag === "Some"),
    // a slow command does not hold up the others
    Stream.mapEffect(({ value }) => answer(value), { concurrency: "unbounded" }),
    Stream.runDrain
  )
}, Effect.scoped)

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const where = { guildId: yield* discord.guild("guild"), channelId: yield* discord.channel("lobby") }
  const guest = yield* discord.join({ user: "guest", channel: "lobby" })
  yield* Effect.forkScoped(Effect.provide(bot(where), discord.layerVoice("bot")))
  yield* discord.awaitCommand({ name: "play" })

  const suggested = yield* discord.suggest({ name: "play", focused: "times", options: { times: "tw" } })
  assert.deepEqual(suggested, [{ name: "twice", value: 2 }])

  const play = yield* discord.command({ name: "play", options: { times: 2 } })
  yield* Effect.log(`The bot says: ${(yield* play.reply).content}`)

  const { id } = yield* (yield* discord.chat()).write("What a song!")
  const again = yield* discord.menu({ name: "Play it again", on: { message: id } })
  assert.equal((yield* again.reply).content, "Songs added to the queue: 1.")
  const heard = yield* guest.awaitFrames(200)
  const stop = yield* discord.command({ name: "stop" })
  yield* Effect.log(`After ${heard.length} frames the bot says: ${(yield* stop.reply).content}`)
  assert.equal((yield* play.reply).content, "Songs added to the queue: 2.")
  assert.equal((yield* stop.reply).content, "Stopped.")

  const wrong = yield* Effect.flip(discord.command({ name: "play", options: { times: "twice" } }))
  yield* Effect.log(wrong.message)
  assert.equal(wrong.reason._tag, "CommandFailed")
  assert.deepEqual(yield* discord.violations, [])
}).pipe(Effect.scoped, Effect.provide(Emulator.layer()))

NodeRuntime.runMain(program)
