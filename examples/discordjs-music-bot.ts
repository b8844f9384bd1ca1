/**
 * A music bot on discord.js with slash commands and a queue in each guild. discord.js logs in, receives the commands
 * and answers them. The bot says what is playing, pauses while nobody is there, and leaves when nobody has come for a
 * while. It needs DISCORD_TOKEN in the environment. Set DISCORD_REST to connect it to another server than Discord's;
 * `discordjs-music-bot.test.ts` tests it against the emulator in this way.
 */
import { NodeRuntime } from "@effect/platform-node"
import {
  type ChatInputCommandInteraction,
  Client,
  type ClientEvents,
  Events,
  GatewayIntentBits,
  type GuildTextBasedChannel,
  SlashCommandBuilder
} from "discord.js"
import { Cause, Config, Data, type Duration, Effect, Layer, Queue, Redacted, Stream } from "effect"
import {
  AudioSource,
  ChannelId,
  GuildId,
  TrackQueue,
  Voice,
  type VoiceSession,
  VoiceSessions
} from "effect-discord-voice"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { layerGateway } from "./discordjs-gateway.ts"

class DiscordFailed extends Data.TaggedError("DiscordFailed")<{ readonly cause: unknown }> {}

/** Runs a promise of discord.js as an effect. */
const ask = <A>(run: () => Promise<A>) =>
  Effect.tryPromise({ try: run, catch: (cause) => new DiscordFailed({ cause }) })

/** A client's events of one kind, buffered until they are read. All events of discord.js reach Effect in this way. */
const told = Effect.fnUntraced(function*<K extends keyof ClientEvents>(client: Client, name: K) {
  const queue = yield* Queue.unbounded<ClientEvents[K]>()
  const listener = (...event: ClientEvents[K]) => void Queue.offerUnsafe(queue, event)
  yield* Effect.acquireRelease(
    Effect.sync(() => client.on(name, listener)),
    () => Effect.sync(() => client.off(name, listener))
  )
  return Stream.fromQueue(queue)
})

/** Logs in and returns a client that is ready, with its interactions. It is destroyed when the scope closes. */
const login = Effect.gen(function*() {
  const token = yield* Config.Redacted("DISCORD_TOKEN")
  const api = yield* Config.String("DISCORD_REST").pipe(Config.withDefault("https://discord.com/api"))
  const client = yield* Effect.acquireRelease(
    Effect.sync(() =>
      new Client({
        intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildVoiceStates],
        // a file could be named @everyone
        allowedMentions: { parse: [] },
        rest: { api }
      })
    ),
    (client) => Effect.promise(() => client.destroy())
  )
  // subscribe before logging in, so that nothing is missed
  const interactions = yield* told(client, Events.InteractionCreate)
  // without a listener, an error would end the process
  const errors = yield* told(client, Events.Error)
  yield* errors.pipe(Stream.runForEach(([error]) => Effect.logError("discord.js", error)), Effect.forkScoped)
  yield* ask(() => Promise.all([once(client, Events.ClientReady), client.login(Redacted.value(token))]))
  return { client, interactions }
})

const command = (name: string, description: string) =>
  new SlashCommandBuilder().setName(name).setDescription(description)

const commands = [
  command("play", "Play a URL or a file")
    .addStringOption((option) => option.setName("url").setDescription("The URL to play"))
    .addAttachmentOption((option) => option.setName("file").setDescription("The file to play")),
  command("skip", "Skip to the next track"),
  command("back", "Go back to the previous track"),
  command("pause", "Pause the music"),
  command("resume", "Resume the music"),
  command("queue", "Show what is playing and what is waiting"),
  command("volume", "Change the volume").addIntegerOption((option) =>
    option.setName("percent").setDescription("100 is the original volume").setRequired(true).setMinValue(0).setMaxValue(
      200
    )
  ),
  command("leave", "Make the bot leave")
].map((one) => one.toJSON())

/** Who asked for a track, and where to announce it. */
interface Wish {
  readonly by: string
  readonly channel: GuildTextBasedChannel | null
}

/** How many entries of a queue are shown at most. */
const mostShown = 8

/** Cuts a text to the maximum length of a message. */
const fitting = (content: string) => content.slice(0, 2_000)

type MusicQueue = TrackQueue.TrackQueue<never, Wish>

/** Pauses the queue while nobody hears it. A queue that somebody has paused by a command stays paused. */
const whileHeard = (queue: MusicQueue) => {
  let isOurs = false
  return Effect.fnUntraced(function*(isHeard: boolean) {
    if (isHeard) return yield* isOurs ? queue.resume : Effect.void
    isOurs = !(yield* queue.contents).paused
    yield* queue.pause
  })
}

/** Pauses the queue while no human is there, and ends when that has lasted for `patience`. */
const untilAlone = (session: VoiceSession.VoiceSession, queue: MusicQueue, patience: Duration.Input) =>
  session.memberChanges.pipe(
    Stream.map((members) => Array.from(members.values()).some(({ bot }) => bot !== true)),
    Stream.changes,
    Stream.tap(whileHeard(queue)),
    Stream.switchMap((isHeard) => isHeard ? Stream.never : Stream.fromEffect(Effect.sleep(patience))),
    Stream.runHead
  )

const announce = ({ data, name }: TrackQueue.Entry<Wish>) =>
  ask(async () => data?.channel?.send(fitting(`Now playing ${name}, for ${data.by}`))).pipe(
    Effect.catch((error) => Effect.logWarning("A track could not be announced", error.cause))
  )

const musicBot = Effect.fnUntraced(function*(patience: Duration.Input, addresses: AudioSource.Addresses) {
  /** The queue of each guild, for as long as the bot is in a channel there. */
  const players: VoiceSessions.VoiceSessions<MusicQueue> = yield* VoiceSessions.make((session) =>
    Effect.gen(function*() {
      const queue = yield* TrackQueue.make<never, Wish>(session)
      yield* queue.events.pipe(
        Stream.filter((event) => event._tag === "Started"),
        Stream.runForEach(({ entry }) => announce(entry)),
        Effect.forkScoped
      )
      yield* untilAlone(session, queue, patience).pipe(
        Effect.andThen(players.leave(session.guildId)),
        Effect.forkScoped
      )
      return queue
    })
  )

  /** Performs a command and returns the reply. */
  const perform = Effect.fnUntraced(function*(interaction: ChatInputCommandInteraction<"cached">) {
    const guildId = GuildId.make(interaction.guildId)
    const { channelId } = interaction.member.voice
    const { commandName, options } = interaction
    const there = yield* players.get(guildId)
    if (commandName === "play") {
      const url = options.getAttachment("file")?.url ?? options.getString("url")
      if (url === null) return "What should I play?"
      const join = channelId === null
        ? Effect.undefined
        : players.join({ guildId, channelId: ChannelId.make(channelId), selfDeaf: true })
      const queue = there ?? (yield* join)
      if (queue === undefined) return "Join a voice channel first."
      const wish = { by: interaction.member.displayName, channel: interaction.channel }
      const { error, name } = yield* queue.add(AudioSource.fromUrl(url, { addresses }), { data: wish })
      return error === undefined ? `Added ${name} to the queue.` : error.message
    }
    if (there === undefined) return "I'm not in a voice channel."
    switch (commandName) {
      case "skip":
        return (yield* there.skip) === undefined ? "That was the last track." : "Playing the next track."
      case "back":
        return (yield* there.back) === undefined ? "There is no previous track." : "Playing the previous track."
      case "pause":
        yield* there.pause
        return "Paused."
      case "resume":
        yield* there.resume
        return "Resumed."
      case "volume":
        yield* there.setGain(options.getInteger("percent", true) / 100, { ramp: "200 millis" })
        return "Volume changed."
      case "leave":
        yield* players.leave(guildId)
        return "Goodbye."
      default: {
        const { current, upcoming } = yield* there.contents
        if (current === undefined) return "Nothing is playing."
        const lines = [current.entry, ...upcoming].map(({ data, name }) => `${name}, for ${data?.by}`)
        const rest = lines.splice(mostShown).length
        return [...lines, ...(rest === 0 ? [] : [`and ${rest} more`])].join("\n")
      }
    }
  })

  return Effect.fnUntraced(
    function*(interaction: ChatInputCommandInteraction) {
      if (!interaction.inCachedGuild()) return
      // Discord allows three seconds for this first answer, and 15 minutes for the rest
      yield* ask(() => interaction.deferReply())
      const content = yield* Effect.catchTag(
        perform(interaction),
        "VoiceError",
        ({ message }) => Effect.succeed(message)
      )
      yield* ask(() => interaction.editReply(fitting(content)))
    },
    // a command that fails must not end the bot
    Effect.catchCauseIf(
      (cause) => !Cause.hasInterruptsOnly(cause),
      (cause) => Effect.logError("A command failed", cause)
    )
  )
})

/**
 * Runs until it is interrupted. `patience` is how long it waits for somebody to come before it leaves. `addresses` says
 * where links may lead: anybody can post a link, and must not reach the bot's own network with it. A test passes "any",
 * because its files are on this machine.
 */
export const bot = Effect.fnUntraced(function*(
  patience: Duration.Input,
  addresses: AudioSource.Addresses = "public"
) {
  const { client, interactions } = yield* login
  yield* ask(async () => client.application?.commands.set(commands))
  yield* Effect.gen(function*() {
    const answer = yield* musicBot(patience, addresses)
    yield* interactions.pipe(
      Stream.flatMap(([interaction]) => interaction.isChatInputCommand() ? Stream.succeed(interaction) : Stream.empty),
      // a slow command does not hold up the others
      Stream.mapEffect(answer, { concurrency: "unbounded" }),
      Stream.runDrain
    )
  }).pipe(Effect.scoped, Effect.provide(Layer.merge(layerGateway(client), Voice.layer)))
}, Effect.scoped)

if (process.argv[1] === fileURLToPath(import.meta.url)) NodeRuntime.runMain(bot("5 minutes"))
