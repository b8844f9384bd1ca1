/**
 * A music bot on discord.js with slash commands: discord.js logs in, hears the commands and answers them, and a queue in each guild plays.
 * It says what plays, pauses while nobody is there, and leaves when nobody has come for a while. It needs DISCORD_TOKEN in the
 * environment; with DISCORD_REST it talks to another API than Discord's. It is tested in `discordjs-music-bot.test.ts`.
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

/** What discord.js does, as an effect. */
const ask = <A>(run: () => Promise<A>) =>
  Effect.tryPromise({ try: run, catch: (cause) => new DiscordFailed({ cause }) })

/** What a client tells from now on, kept until it is read: all that comes from discord.js into Effect comes this way. */
const told = Effect.fnUntraced(function*<K extends keyof ClientEvents>(client: Client, name: K) {
  const queue = yield* Queue.unbounded<ClientEvents[K]>()
  const listener = (...event: ClientEvents[K]) => void Queue.offerUnsafe(queue, event)
  yield* Effect.acquireRelease(
    Effect.sync(() => client.on(name, listener)),
    () => Effect.sync(() => client.off(name, listener))
  )
  return Stream.fromQueue(queue)
})

/** A client that is ready, and what it tells; it is destroyed when the scope closes. */
const login = Effect.gen(function*() {
  const token = yield* Config.Redacted("DISCORD_TOKEN")
  const api = yield* Config.String("DISCORD_REST").pipe(Config.withDefault("https://discord.com/api"))
  const client = yield* Effect.acquireRelease(
    Effect.sync(() =>
      new Client({
        intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildVoiceStates],
        // a file may be named @everyone
        allowedMentions: { parse: [] },
        rest: { api }
      })
    ),
    (client) => Effect.promise(() => client.destroy())
  )
  // before it logs in, so that nothing is missed
  const interactions = yield* told(client, Events.InteractionCreate)
  // an error that nobody listens to would end the process
  const errors = yield* told(client, Events.Error)
  yield* errors.pipe(Stream.runForEach(([error]) => Effect.logError("discord.js", error)), Effect.forkScoped)
  yield* ask(() => Promise.all([once(client, Events.ClientReady), client.login(Redacted.value(token))]))
  return { client, interactions }
})

const command = (name: string, description: string) =>
  new SlashCommandBuilder().setName(name).setDescription(description)

const commands = [
  command("play", "plays a URL or a file")
    .addStringOption((option) => option.setName("url").setDescription("where it is"))
    .addAttachmentOption((option) => option.setName("file").setDescription("the file")),
  command("skip", "goes on with the next"),
  command("back", "goes back to the one before"),
  command("pause", "holds the music"),
  command("resume", "goes on"),
  command("queue", "says what plays, and what waits"),
  command("volume", "makes it louder or quieter").addIntegerOption((option) =>
    option.setName("percent").setDescription("100 is as it is").setRequired(true).setMinValue(0).setMaxValue(200)
  ),
  command("leave", "sends the bot away")
].map((one) => one.toJSON())

/** Who wants to hear it, and where to say that it plays. */
interface Wish {
  readonly by: string
  readonly channel: GuildTextBasedChannel | null
}

/** So many entries of a queue are shown at most. */
const mostShown = 8

/** A message has room for so much. */
const fitting = (content: string) => content.slice(0, 2_000)

type MusicQueue = TrackQueue.TrackQueue<never, Wish>

/** Pauses it while it is not heard, and leaves it paused afterwards where somebody had paused it by a command. */
const whileHeard = (queue: MusicQueue) => {
  let isOurs = false
  return Effect.fnUntraced(function*(isHeard: boolean) {
    if (isHeard) return yield* isOurs ? queue.resume : Effect.void
    isOurs = !(yield* queue.contents).paused
    yield* queue.pause
  })
}

/** Pauses a queue while no human is there, and ends when that has been so for a time. */
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
    Effect.catch((error) => Effect.logWarning("Nobody was told what plays", error.cause))
  )

const musicBot = Effect.fnUntraced(function*(patience: Duration.Input, addresses: AudioSource.Addresses) {
  /** What there is in each guild with the bot in a channel, for as long as it is there. */
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

  /** Does what is asked for and says what to answer. */
  const perform = Effect.fnUntraced(function*(interaction: ChatInputCommandInteraction<"cached">) {
    const guildId = GuildId.make(interaction.guildId)
    const { channelId } = interaction.member.voice
    const { commandName, options } = interaction
    const there = yield* players.get(guildId)
    if (commandName === "play") {
      const url = options.getAttachment("file")?.url ?? options.getString("url")
      if (url === null) return "What shall I play?"
      const join = channelId === null
        ? Effect.undefined
        : players.join({ guildId, channelId: ChannelId.make(channelId), selfDeaf: true })
      const queue = there ?? (yield* join)
      if (queue === undefined) return "Come into a voice channel first."
      const wish = { by: interaction.member.displayName, channel: interaction.channel }
      const { error, name } = yield* queue.add(AudioSource.fromUrl(url, { addresses }), { data: wish })
      return error === undefined ? `${name} is in the queue.` : error.message
    }
    if (there === undefined) return "I am in no channel."
    switch (commandName) {
      case "skip":
        return (yield* there.skip) === undefined ? "That was the last one." : "Here is the next one."
      case "back":
        return (yield* there.back) === undefined ? "There was none before." : "Once more."
      case "pause":
        yield* there.pause
        return "Paused."
      case "resume":
        yield* there.resume
        return "On it goes."
      case "volume":
        yield* there.setGain(options.getInteger("percent", true) / 100, { ramp: "200 millis" })
        return "Is that better?"
      case "leave":
        yield* players.leave(guildId)
        return "Good bye."
      default: {
        const { current, upcoming } = yield* there.contents
        if (current === undefined) return "Nothing plays."
        const lines = [current.entry, ...upcoming].map(({ data, name }) => `${name}, for ${data?.by}`)
        const rest = lines.splice(mostShown).length
        return [...lines, ...(rest === 0 ? [] : [`and ${rest} more`])].join("\n")
      }
    }
  })

  return Effect.fnUntraced(
    function*(interaction: ChatInputCommandInteraction) {
      if (!interaction.inCachedGuild()) return
      // Discord gives three seconds for this, and a quarter of an hour for all else
      yield* ask(() => interaction.deferReply())
      const content = yield* Effect.catchTag(
        perform(interaction),
        "VoiceError",
        ({ message }) => Effect.succeed(message)
      )
      yield* ask(() => interaction.editReply(fitting(content)))
    },
    // one that goes wrong is not the end of the bot
    Effect.catchCauseIf(
      (cause) => !Cause.hasInterruptsOnly(cause),
      (cause) => Effect.logError("A command failed", cause)
    )
  )
})

/**
 * Runs until it is interrupted. `patience`: how long it waits for somebody to come before it leaves. `addresses`: where links may lead;
 * anybody may give it one, and what lies in the network of the bot is nobody's business. A test has its files on this machine.
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
      // one that takes its time holds up no other
      Stream.mapEffect(answer, { concurrency: "unbounded" }),
      Stream.runDrain
    )
  }).pipe(Effect.scoped, Effect.provide(Layer.merge(layerGateway(client), Voice.layer)))
}, Effect.scoped)

if (process.argv[1] === fileURLToPath(import.meta.url)) NodeRuntime.runMain(bot("5 minutes"))
