/**
 * A music bot in many guilds, driven by slash commands: a queue, effects, a soundboard over the music, and what a station has on air.
 * It goes where whoever asks for music is, leaves when nobody is there any more, and stands on nothing but our own gateway client. It is
 * tested in `music-bot.test.ts`.
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
  /** What somebody means who wants to hear something. */
  readonly find: (text: string) => AudioSource.AudioSource | undefined
  readonly sounds: Readonly<Record<string, AudioSource.AudioSource>>
  /** How long it waits for somebody to come back before it leaves. */
  readonly patience: Duration.Input
}

/** Who wants to hear it, and in which words. */
interface Wish {
  readonly text: string
  readonly by: UserId
}

const presets: Readonly<Record<string, ReadonlyArray<SoundEffect.SoundEffect>>> = {
  none: [],
  bassboost: [SoundEffect.lavalinkEqualizer([0.25, 0.2, 0.15, 0.1, 0.05])],
  nightcore: [{ _tag: "Timescale", speed: 1.25, pitch: 1.25 }]
}

/** What plays in one guild. */
const makePlayer = Effect.fnUntraced(function*(session: VoiceSession.VoiceSession) {
  const queue = yield* TrackQueue.make<never, Wish>(session)
  let title = ""
  yield* queue.events.pipe(
    Stream.filter((event) => event._tag === "Started"),
    // the title of a song is there when it begins; that of a station comes later, and changes
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

/** Ends when no human has been there for a time, or with the session. */
const untilAlone = (session: VoiceSession.VoiceSession, patience: Duration.Input) =>
  session.memberChanges.pipe(
    Stream.map((members) => Array.from(members.values()).some(({ bot }) => bot !== true)),
    Stream.changes,
    Stream.switchMap((isHeard) => isHeard ? Stream.never : Stream.fromEffect(Effect.sleep(patience))),
    Stream.runHead
  )

/** What is used of a command (Discord docs, Interactions, Interaction Object). */
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
  description: "100 is as it is",
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
    { name: "play", description: "plays something", options: [text("what")] },
    { name: "skip", description: "goes on with the next" },
    { name: "queue", description: "says what plays, and what waits" },
    { name: "volume", description: "makes it louder or quieter", options: [percent] },
    { name: "effect", description: "changes the sound", options: [text("name", Object.keys(presets))] },
    { name: "sound", description: "plays a sound over the music", options: [text("name", Object.keys(sounds))] },
    { name: "leave", description: "sends the bot away" }
  ])

  // its type is written down because it is named in what it is made of
  const calls: VoiceSessions.VoiceSessions<Player> = yield* VoiceSessions.make((session) =>
    Effect.gen(function*() {
      const player = yield* makePlayer(session)
      yield* untilAlone(session, patience).pipe(Effect.andThen(calls.leave(session.guildId)), Effect.forkScoped)
      return player
    })
  )

  /** Does what is asked for and says what to answer. */
  const perform = Effect.fnUntraced(function*({ data, guild_id: guildId, member: { user } }: typeof Command.Type) {
    const option = data.options?.[0]?.value ?? ""
    const there = yield* calls.get(guildId)
    if (data.name === "play") {
      const source = find(String(option))
      if (source === undefined) return "I do not know that one."
      // who is in which channel our gateway knows; no interaction says it
      const channelId = gateway.occupants?.of(guildId).get(user.id)?.channelId
      const player = there === undefined && channelId !== undefined ? yield* calls.join({ guildId, channelId }) : there
      if (player === undefined) return "Come into a voice channel first."
      const { error } = yield* player.queue.add(source, { data: { text: String(option), by: user.id } })
      // where nothing else plays it was opened by now
      return error === undefined ? `${option} is in the queue.` : error.message
    }
    if (there === undefined) return "I am in no channel."
    if (data.name === "leave") {
      yield* calls.leave(guildId)
      return "Good bye."
    }
    const { queue, session, title } = there
    switch (data.name) {
      case "skip":
        return (yield* queue.skip) === undefined ? "That was the last one." : "Here is the next one."
      case "volume":
        yield* queue.setGain(Number(option) / 100, { ramp: "200 millis" })
        return `${option} % it is.`
      case "effect":
        yield* queue.setEffects(presets[option] ?? [])
        return `It sounds of ${option} now.`
      case "sound": {
        const sound = loaded[option]
        if (sound === undefined) return "I have no such sound."
        yield* session.play(sound, { duck: { gain: 0.4, hold: 0 } })
        return `${option}!`
      }
      default: {
        const { current, upcoming } = yield* queue.contents
        if (current === undefined) return "Nothing plays."
        const wishes = upcoming.map(({ data, name }) => data?.text ?? name)
        return [`${title()}, at ${Math.floor(current.positionMs / 1000)} s`, ...wishes].join("\n")
      }
    }
  })

  const answer = Effect.fnUntraced(
    function*(command: typeof Command.Type) {
      // Discord gives three seconds for this, and a quarter of an hour for all else
      yield* rest.post(`/interactions/${command.id}/${command.token}/callback`, { type: 5 })
      const content = yield* Effect.catchTag(perform(command), "VoiceError", ({ message }) => Effect.succeed(message))
      yield* rest.patch(`/webhooks/${application}/${command.token}/messages/@original`, {
        // a message has room for no more, and pings nobody whom a title or somebody's wish names
        content: content.slice(0, 2_000),
        allowed_mentions: { parse: [] }
      })
    },
    // one that goes wrong is not the end of the bot
    Effect.catchCauseIf(
      (cause) => !Cause.hasInterruptsOnly(cause),
      (cause) => Effect.logError("A command failed", cause)
    )
  )

  yield* commands.pipe(
    Stream.filter(({ t }) => t === "INTERACTION_CREATE"),
    // buttons and what else there is look otherwise
    Stream.map(({ d }) => Schema.decodeUnknownOption(Command)(d)),
    Stream.filter((command) => command._tag === "Some"),
    // one that takes its time holds up no other
    Stream.mapEffect(({ value }) => answer(value), { concurrency: "unbounded" }),
    Stream.runDrain
  )
}, Effect.scoped)
