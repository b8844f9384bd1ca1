/**
 * A bot that reads messages ("!play", "!lyrics", "!help", "!stop"). It uses no other Discord library than this
 * package's own gateway client. In the emulator, a user writes in a text channel; no token needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Cause, Effect, Layer, Schema, Stream } from "effect"
import { AudioSource, Gateway, TrackQueue, Transport, Voice, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import { GatewayPayload } from "effect-discord-voice/protocol"
import assert from "node:assert/strict"

/** The fields of a message that the bot uses. */
const Message = Schema.Struct({
  id: Schema.String,
  channel_id: Schema.String,
  content: Schema.String,
  author: Schema.Struct({ id: Schema.String, bot: Schema.optionalKey(Schema.Boolean) })
})

const DirectMessages = Schema.Struct({ id: Schema.String })

const song = AudioSource.fromFile(new URL("song.ogg", import.meta.url))

const { GuildMessages, MessageContent } = GatewayPayload.Intents

/** MessageContent has to be enabled for the bot in Discord's developer portal. */
const intents = GatewayPayload.voiceIntents | GuildMessages | MessageContent

/** A message with files (Discord docs, Uploading Files). */
const withFiles = (json: unknown, files: ReadonlyArray<File>) => {
  const form = new FormData()
  form.set("payload_json", JSON.stringify(json))
  for (const [index, file] of files.entries()) form.set(`files[${index}]`, file)
  return form
}

const bot = Effect.fnUntraced(function*(where: VoiceSession.JoinOptions) {
  const rest = yield* Gateway.Rest

  const reply = (message: typeof Message.Type, content: string, files: ReadonlyArray<File> = []) =>
    rest.post(
      `/channels/${message.channel_id}/messages`,
      withFiles({ content, message_reference: { message_id: message.id } }, files)
    )

  const tell = (userId: string, content: string) =>
    rest.post("/users/@me/channels", { recipient_id: userId }).pipe(
      Effect.flatMap(Schema.decodeUnknownEffect(DirectMessages)),
      Effect.flatMap(({ id }) => rest.post(`/channels/${id}/messages`, { content }))
    )

  const { subscribe } = yield* Gateway.Dispatches
  const dispatches = yield* subscribe
  const session = yield* VoiceSession.join(where)
  const queue = yield* TrackQueue.make(session)

  const answer = Effect.fnUntraced(
    function*(message: typeof Message.Type) {
      switch (message.content) {
        case "!play":
          yield* queue.add(song)
          return yield* reply(message, "Playing.")
        case "!lyrics":
          return yield* reply(message, "Sing along.", [new File(["La la la"], "lyrics.txt", { type: "text/plain" })])
        case "!help":
          return yield* tell(message.author.id, "I know !play, !lyrics and !stop.")
        case "!stop":
          yield* queue.stop
          return yield* reply(message, "Stopped.")
      }
    },
    Effect.catchCauseIf(
      (cause) => !Cause.hasInterruptsOnly(cause),
      (cause) => Effect.logError("A command failed", cause)
    )
  )

  yield* Effect.logInfo("The bot is ready")
  yield* dispatches.pipe(
    Stream.filter(({ t }) => t === "MESSAGE_CREATE"),
    Stream.map(({ d }) => Schema.decodeUnknownOption(Message)(d)),
    // the bot also receives its own messages
    Stream.filter((message) => message._tag === "Some" && message.value.author.bot !== true),
    Stream.mapEffect((message) => message._tag === "Some" ? answer(message.value) : Effect.void, {
      concurrency: "unbounded"
    }),
    Stream.runDrain
  )
}, Effect.scoped)

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const where = { guildId: yield* discord.guild("guild"), channelId: yield* discord.channel("lobby") }
  const { token } = yield* discord.user("bot")
  const { gateway: url, rest: restUrl } = discord.urls
  const GatewayLive = Gateway.layer({ token, url, restUrl, intents }).pipe(Layer.provide(Transport.layerWebSocket))
  const guest = yield* discord.join({ user: "guest", channel: "lobby" })
  yield* Effect.forkScoped(Effect.provide(bot(where), [GatewayLive, Voice.layer]))
  // wait until the bot is in the voice channel
  yield* discord.happenings.pipe(
    Stream.filter((happening) => happening._tag === "VoiceConnected"),
    Stream.runHead
  )

  const chat = yield* discord.chat("music")
  yield* chat.write("!play", { user: "somebody" })
  const reply = yield* chat.until((messages) => messages.find(({ user }) => user === "bot"))
  yield* Effect.log(`The bot says: ${reply.content}`)
  yield* chat.write("!lyrics", { user: "somebody" })
  const lyrics = yield* chat.until((messages) => messages.flatMap(({ attachments }) => attachments)[0])
  const text = yield* Effect.promise(async () => (await discord.fetch(lyrics.url)).text())
  yield* Effect.log(`The bot sends ${lyrics.name}: ${text}`)
  assert.equal(text, "La la la")

  yield* chat.write("!help", { user: "somebody" })
  const direct = yield* discord.direct({ user: "somebody" })
  const help = yield* direct.until(([message]) => message)
  yield* Effect.log(`The bot says in a direct message: ${help.content}`)
  const heard = yield* guest.awaitFrames(100)
  yield* chat.write("!stop", { user: "somebody" })
  const last = yield* chat.until((messages) => messages.find(({ content }) => content === "Stopped."))
  yield* Effect.log(`After ${heard.length} frames the bot says: ${last.content}`)
  assert.equal(reply.content, "Playing.")
  assert.deepEqual(yield* discord.violations, [])
}).pipe(Effect.scoped, Effect.provide(Emulator.layer({ world: { channels: [{ name: "music", kind: "text" }] } })))

NodeRuntime.runMain(program)
