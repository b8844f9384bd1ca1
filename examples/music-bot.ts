/**
 * A music bot for many guilds, driven by slash commands: a queue, effects, a soundboard over the music, and the titles
 * of radio stations. It joins the channel of the user who asks for music, and leaves when nobody is there anymore. It
 * uses no other Discord library than this package's own gateway client. `music-bot.test.ts` tests it.
 */
import { Cause, type Duration, Effect, Schema, Stream } from "effect"
import {
  AudioSource,
  Gateway,
  GuildId,
  SoundEffect,
  TrackQueue,
  UserId,
  type VoiceSession,
  VoiceSessions
} from "effect-discord-voice"

export interface Options {
  /** Finds what a user asks for. */
  readonly find: (text: string) => AudioSource.AudioSource | undefined
  readonly sounds: Readonly<Record<string, AudioSource.AudioSource>>
  /** How long the bot waits for somebody to come back before it leaves. */
  readonly patience: Duration.Input
}

/** Who asked for a track, and in which words. */
interface Wish {
  readonly text: string
  readonly by: UserId
}

const presets: Readonly<Record<string, ReadonlyArray<SoundEffect.SoundEffect>>> = {
  none: [],
  bassboost: [SoundEffect.lavalinkEqualizer([0.25, 0.2, 0.15, 0.1, 0.05])],
  nightcore: [{ _tag: "Timescale", speed: 1.25, pitch: 1.25 }]
}

/** The session of one guild, its queue, and the title that is playing. */
const makePlayer = Effect.fnUntraced(function*(session: VoiceSession.VoiceSession) {
  const queue = yield* TrackQueue.make<never, Wish>(session)
  let title = ""
  yield* queue.events.pipe(
    Stream.filter((event) => event._tag === "Started"),
    // a song has its title from the start; the title of a station comes later, and changes
    Stream.switchMap(({ entry, track }) =>
      track.events.pipe(
        Stream.filter((event) => event._tag === "Tagged"),
        Stream.map(({ tags }) => tags),
        Stream.prepend([track.tags]),
        Stream.map((tags) => tags["title"] ?? tags["icy-name"] ?? entry.data?.text ?? entry.name)
      )
    ),
    Stream.runForEach((text) => Effect.sync(() => void (title = text))),
    Effect.forkScoped
  )
  return { session, queue, title: () => title }
})

type Player = Effect.Success<ReturnType<typeof makePlayer>>

/** Ends when no human has been there for `patience`, or with the session. */
const untilAlone = (session: VoiceSession.VoiceSession, patience: Duration.Input) =>
  session.memberChanges.pipe(
    Stream.map((members) => Array.from(members.values()).some(({ bot }) => bot !== true)),
    Stream.changes,
    Stream.switchMap((isHeard) => isHeard ? Stream.never : Stream.fromEffect(Effect.sleep(patience))),
    Stream.runHead
  )

/** The fields of a command that the bot uses (Discord docs, Interactions, Interaction Object). */
const Command = Schema.Struct({
  type: Schema.Literal(2),
  id: Schema.String,
  token: Schema.String,
  guild_id: GuildId,
  member: Schema.Struct({ user: Schema.Struct({ id: UserId }) }),
  data: Schema.Struct({
    name: Schema.String,
    options: Schema.optionalKey(
      Schema.Array(Schema.Struct({ name: Schema.String, value: Schema.Union([Schema.String, Schema.Finite]) }))
    )
  })
})

const text = (name: string, names: ReadonlyArray<string> = []) => ({
  type: 3,
  name,
  description: name,
  required: true,
  choices: names.map((one) => ({ name: one, value: one }))
})

const percent = {
  type: 4,
  name: "percent",
  description: "100 is the original volume",
  required: true,
  min_value: 0,
  max_value: 200
}

export const musicBot = Effect.fnUntraced(function*({ find, patience, sounds }: Options) {
  const gateway = yield* Gateway.Gateway
  const dispatches = yield* Gateway.Dispatches
  const commands = yield* dispatches.subscribe
  const rest = yield* Gateway.Rest
  const application = yield* gateway.userId
  const loaded = yield* Effect.all(
    Object.fromEntries(Object.entries(sounds).map(([name, source]) => [name, AudioSource.preloaded(source)]))
  )
  yield* rest.put(`/applications/${application}/commands`, [
    { name: "play", description: "Play something", options: [text("what")] },
    { name: "skip", description: "Skip to the next track" },
    { name: "queue", description: "Show what is playing and what is waiting" },
    { name: "volume", description: "Change the volume", options: [percent] },
    { name: "effect", description: "Change the sound", options: [text("name", Object.keys(presets))] },
    { name: "sound", description: "Play a sound over the music", options: [text("name", Object.keys(sounds))] },
    { name: "leave", description: "Make the bot leave" }
  ])

  // the type is written out because `calls` is used inside its own definition
  const calls: VoiceSessions.VoiceSessions<Player> = yield* VoiceSessions.make((session) =>
    Effect.gen(function*() {
      const player = yield* makePlayer(session)
      yield* untilAlone(session, patience).pipe(Effect.andThen(calls.leave(session.guildId)), Effect.forkScoped)
      return player
    })
  )

  /** Performs a command and returns the reply. */
  const perform = Effect.fnUntraced(function*({ data, guild_id: guildId, member: { user } }: typeof Command.Type) {
    const option = data.options?.[0]?.value ?? ""
    const there = yield* calls.get(guildId)
    if (data.name === "play") {
      const source = find(String(option))
      if (source === undefined) return "I don't know that one."
      // an interaction does not say which voice channel a user is in, but the gateway knows
      const channelId = gateway.occupants?.of(guildId).get(user.id)?.channelId
      const player = there === undefined && channelId !== undefined ? yield* calls.join({ guildId, channelId }) : there
      if (player === undefined) return "Join a voice channel first."
      const { error } = yield* player.queue.add(source, { data: { text: String(option), by: user.id } })
      // if nothing else is playing, the source has been opened by now
      return error === undefined ? `Added ${option} to the queue.` : error.message
    }
    if (there === undefined) return "I'm not in a voice channel."
    if (data.name === "leave") {
      yield* calls.leave(guildId)
      return "Goodbye."
    }
    const { queue, session, title } = there
    switch (data.name) {
      case "skip":
        return (yield* queue.skip) === undefined ? "That was the last track." : "Playing the next track."
      case "volume":
        yield* queue.setGain(Number(option) / 100, { ramp: "200 millis" })
        return `Volume: ${option}%.`
      case "effect":
        yield* queue.setEffects(presets[option] ?? [])
        return `Effect: ${option}.`
      case "sound": {
        const sound = loaded[option]
        if (sound === undefined) return "I don't have that sound."
        yield* session.play(sound, { duck: { gain: 0.4, hold: 0 } })
        return `${option}!`
      }
      default: {
        const { current, upcoming } = yield* queue.contents
        if (current === undefined) return "Nothing is playing."
        const wishes = upcoming.map(({ data, name }) => data?.text ?? name)
        return [`${title()}, at ${Math.floor(current.positionMs / 1000)} s`, ...wishes].join("\n")
      }
    }
  })

  const answer = Effect.fnUntraced(
    function*(command: typeof Command.Type) {
      // Discord allows three seconds for this first answer, and 15 minutes for the rest
      yield* rest.post(`/interactions/${command.id}/${command.token}/callback`, { type: 5 })
      const content = yield* Effect.catchTag(perform(command), "VoiceError", ({ message }) => Effect.succeed(message))
      yield* rest.patch(`/webhooks/${application}/${command.token}/messages/@original`, {
        // at most 2,000 characters, and without pinging anybody who is named in a title or a request
        content: content.slice(0, 2_000),
        allowed_mentions: { parse: [] }
      })
    },
    // a command that fails must not end the bot
    Effect.catchCauseIf(
      (cause) => !Cause.hasInterruptsOnly(cause),
      (cause) => Effect.logError("A command failed", cause)
    )
  )

  yield* commands.pipe(
    Stream.filter(({ t }) => t === "INTERACTION_CREATE"),
    // buttons and other interactions have another shape, and are skipped
    Stream.map(({ d }) => Schema.decodeUnknownOption(Command)(d)),
    Stream.filter((command) => command._tag === "Some"),
    // a slow command does not hold up the others
    Stream.mapEffect(({ value }) => answer(value), { concurrency: "unbounded" }),
    Stream.runDrain
  )
}, Effect.scoped)
