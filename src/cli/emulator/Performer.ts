/**
 * Executes orders.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import type { PlatformError } from "effect/PlatformError"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as AudioSource from "../../audio/AudioSource.ts"
import * as Emulator from "../../emulator/Emulator.ts"
import type { VoiceError } from "../../VoiceError.ts"
import * as Comparison from "../demo/Comparison.ts"
import * as Recording from "../demo/Recording.ts"
import * as Outputs from "../Outputs.ts"
import type * as Guests from "./Guests.ts"
import * as Lasting from "./Lasting.ts"
import * as Loudness from "./Loudness.ts"
import type { Order } from "./Order.ts"
import { OrderFailed } from "./OrderFailed.ts"
import * as Speech from "./Speech.ts"
import * as Texts from "./Texts.ts"
import * as Unheard from "./Unheard.ts"
import * as Upload from "./Upload.ts"

/**
 * The content of an answer, in addition to the success.
 *
 * @category models
 * @since 0.1.0
 */
export type Answer = { readonly [field: string]: unknown }

/**
 * @category models
 * @since 0.1.0
 */
export interface Performer {
  readonly perform: (
    order: Order
  ) => Effect.Effect<
    Answer,
    Emulator.EmulatorError | OrderFailed | Outputs.NotWritten | PlatformError | VoiceError,
    FileSystem.FileSystem
  >
}

const nothing: Answer = {}

/**
 * Makes a performer for the emulator of the context. The caller has to handle the order `stop`. Times count from `startMs`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  guests: Guests.Guests,
  startMs: number
): Effect.fn.Return<Performer, never, Emulator.Emulator | Scope.Scope> {
  const discord = yield* Emulator.Emulator
  const { faults } = discord
  const lasting = yield* Lasting.make
  const texts = Texts.make(discord)

  const guest = (user: string) =>
    Effect.filterOrFail(
      guests.get(user),
      (found) => found !== undefined,
      () => new OrderFailed({ detail: `"${user}" is not a guest: let it join first.` })
    )

  const sinceStart = (verdicts: ReadonlyArray<Emulator.Verdict>) =>
    verdicts.map((verdict) => ({ ...verdict, atMs: verdict.atMs - startMs }))

  const heard = Effect.fnUntraced(function*(order: Extract<Order, { readonly do: "heard" }>) {
    const listener = yield* guest(order.user)
    const { id } = yield* discord.user(order.from ?? "bot")
    const wanted = order.frames ?? 0
    const found = yield* listener.hears(id, wanted, order.timeoutMs ?? Texts.patienceMs)
    const frames = Option.isSome(found) ? found.value : yield* listener.heard(id)
    const voiced = frames.filter(({ silence }) => !silence).length
    if (voiced < wanted) {
      const from = order.from ?? "bot"
      const sender = { id, name: from }
      const hearer = { id: (yield* discord.user(order.user)).id, name: order.user }
      const why = Unheard.why(yield* discord.snapshot, sender, hearer)
      const detail = `"${order.user}" has heard ${voiced} of ${wanted} frames of "${from}"`
      return yield* new OrderFailed({ detail: why === undefined ? `${detail}.` : `${detail}: ${why}.` })
    }
    const encrypted = frames.filter((frame) => frame.encrypted).length
    const counts = { frames: voiced, silence: frames.length - voiced, encrypted }
    const spoken = () => frames.flatMap(({ payload, silence }) => silence ? [] : [payload])
    const answer = order.level === true ? { ...counts, levelDb: yield* Loudness.of(spoken()) } : counts
    if (order.file === undefined) return answer
    const { foreign, heard, intact, largestGapMs, repeated, sent } = Comparison.compare(
      yield* AudioSource.readFrames(AudioSource.fromFile(order.file)),
      frames
    )
    return { ...answer, file: { frames: sent, heard, foreign, repeated, intact, largestGapMs } }
  })

  const record = Effect.fnUntraced(function*(order: Extract<Order, { readonly do: "record" }>) {
    const listener = yield* guest(order.user)
    const { id } = yield* discord.user(order.from ?? "bot")
    const frames = yield* listener.heard(id)
    const title = `${order.from ?? "bot"} as ${order.user} heard it`
    yield* Outputs.write(order.file, Recording.encode(frames, { title, channels: 2 }))
    return { frames: frames.length }
  })

  const speak = Effect.fnUntraced(function*(order: Extract<Order, { readonly do: "speak" }>) {
    const speaker = yield* guest(order.user)
    const frames = yield* Speech.read(order.file)
    if (order.to !== undefined && !(yield* speaker.reaches(order.to, order.timeoutMs ?? Texts.patienceMs))) {
      return yield* new OrderFailed({ detail: `What "${order.user}" says does not reach "${order.to}".` })
    }
    if (order.loop === true) yield* speaker.loop(frames)
    else yield* speaker.participant.speak(frames, { trailingSilence: order.silence })
    return { frames: frames.length }
  })

  // The `id` that a channel should have is not the `id` of an order.
  const createChannel = Effect.fnUntraced(function*(
    { category, e2ee, guild = "guild", kind, name, userLimit }: Extract<Order, { readonly do: "createChannel" }>
  ) {
    const guildId = yield* Effect.catchReason(
      discord.guild(guild),
      "EmulatorError",
      "UnknownName",
      // what looks like an id is not the name of a future guild
      (_, error) => /^\d{15,20}$/.test(guild) ? Effect.fail(error) : discord.createGuild({ name: guild })
    )
    const channel = yield* discord.createChannel({ guild: guildId, name, kind, category, e2ee, userLimit })
    return { channel, guild: guildId }
  })

  const createSound = Effect.fnUntraced(function*(order: Extract<Order, { readonly do: "createSound" }>) {
    const { emoji, file, guild, name, volume } = order
    const data = file === undefined ? undefined : (yield* Upload.read(file)).data
    return { sound: yield* discord.createSound({ name, guild, data, volume, emoji }) }
  })

  const rule = (begin: Lasting.Begin<Emulator.FaultRule>, forMs: number | undefined) =>
    Effect.map(
      lasting.begin(begin, ({ hits }) => Effect.map(hits, (hits) => ({ hits })), forMs),
      ({ number }) => ({ fault: number })
    )

  const outage = (begin: Lasting.Begin<void>, forMs: number | undefined) =>
    Effect.map(lasting.begin(begin, () => Effect.succeed({}), forMs), ({ number }) => ({ fault: number }))

  const schedule = (begin: Lasting.Begin<Emulator.Playing>) =>
    Effect.map(
      lasting.begin(begin, ({ played }) => Effect.map(played, (played) => ({ played })), undefined),
      ({ fault, number }) => ({ fault: number, schedule: fault.schedule })
    )

  const known = (fault: number, summary: Effect.Effect<Lasting.Summary | undefined>) =>
    Effect.filterOrFail(
      summary,
      (found) => found !== undefined,
      () => new OrderFailed({ detail: `No fault has the number ${fault}.` })
    )

  const leave = Effect.fnUntraced(function*(user: string) {
    yield* guest(user)
    yield* guests.leave(user)
  })

  const done = <E, R>(effect: Effect.Effect<unknown, E, R>) => Effect.as(effect, nothing)

  const perform: Performer["perform"] = (order) => {
    switch (order.do) {
      case "join":
        return Effect.map(
          guests.join({ user: order.user, channel: order.channel ?? "lobby", e2ee: order.e2ee, audio: order.audio }),
          ({ participant }) => ({ user: participant.userId })
        )
      case "leave":
        return done(leave(order.user))
      case "speak":
        return speak(order)
      case "heard":
        return heard(order)
      case "record":
        return record(order)
      case "forget":
        return done(Effect.flatMap(guest(order.user), ({ forget }) => forget))
      case "e2ee":
        return Effect.map(
          Effect.flatMap(guest(order.user), ({ participant }) => participant.e2ee),
          (group) => ({ group: group ?? null })
        )
      case "setSelf": {
        const { deaf, mute, streaming, user, video } = order
        return done(
          Effect.flatMap(guest(user), ({ participant }) => participant.setSelf({ deaf, mute, streaming, video }))
        )
      }
      case "sendSound":
        return done(
          Effect.flatMap(guest(order.user), ({ participant }) => participant.sendSound(order.sound, order))
        )
      case "sendEmoji":
        return done(
          Effect.flatMap(guest(order.user), ({ participant }) => participant.sendEmoji(order.emoji, order))
        )
      case "subscribe":
        return done(
          Effect.flatMap(guest(order.user), ({ participant }) => participant.subscribe(order.event, order.interested))
        )
      case "misbehave":
        return done(Effect.flatMap(guest(order.user), ({ participant }) => participant.misbehave(order.how)))
      case "command":
        return texts.command(order)
      case "awaitCommand":
        return done(texts.awaitCommand(order))
      case "menu":
        return texts.menu(order)
      case "press":
        return texts.press(order)
      case "write":
        return texts.write(order)
      case "react":
        return done(texts.react(order))
      case "messages":
        return Effect.map(texts.messages(order), (messages) => ({ messages }))
      case "suggest":
        return Effect.map(texts.suggest(order), (choices) => ({ choices }))
      case "submit":
        return texts.submit(order)
      case "replies":
        return texts.replies(order)
      case "createUser":
        return Effect.map(
          discord.createUser({
            name: order.name,
            bot: order.bot,
            moderator: order.moderator,
            ...(order.privilegedIntents === undefined ? {} : { privilegedIntents: order.privilegedIntents })
          }),
          ({ id, token }) => ({ user: id, token: Redacted.value(token) })
        )
      case "createRole":
        return Effect.map(
          discord.createRole({ name: order.name, guild: order.guild, permissions: order.permissions }),
          (role) => ({ role })
        )
      case "createSound":
        return createSound(order)
      case "createChannel":
        return createChannel(order)
      case "kick":
        return done(faults.kick(order.user, order))
      case "removeFromGuild":
        return done(faults.removeFromGuild(order.user, order))
      case "addToGuild":
        return done(faults.addToGuild(order.user, order))
      case "setNick":
        return done(faults.setNick(order.user, order.nick, order))
      case "setRoles":
        return done(faults.setRoles(order.user, order.roles, order))
      case "timeOut":
        return done(faults.timeOut(order.user, order.forMs ?? null, order))
      case "moveUser":
        return done(faults.moveUser(order.user, order.channel, order))
      case "muteUser":
        return done(faults.muteUser(order.user, order))
      case "suppressUser":
        return done(faults.suppressUser(order.user, order.suppress, order))
      case "deny":
        return done(
          faults.deny(order.user, order.channel, {
            connect: order.connect,
            view: order.view,
            speak: order.speak,
            send: order.send
          })
        )
      case "moveServer":
        return done(faults.moveServer(order.channel, order))
      case "parkChannel":
        return done(faults.parkChannel(order.channel))
      case "fillChannel":
        return done(faults.fillChannel(order.channel, order.full))
      case "deleteChannel":
        return done(faults.deleteChannel(order.channel))
      case "closeVoice":
        return done(faults.closeVoice(order.user, order.code, order.reason, order))
      case "terminateVoice":
        return done(faults.terminateVoice(order.user, order))
      case "dropGatewaySession":
        return done(faults.dropGatewaySession(order.user))
      case "reconnectGateway":
        return done(faults.reconnectGateway(order.user))
      case "closeGateway":
        return done(faults.closeGateway(order.user, order.code, order.reason))
      case "terminateGateway":
        return done(faults.terminateGateway(order.user))
      case "suspendGatewaySession":
        return done(faults.suspendGatewaySession(order.user))
      case "requestHeartbeat":
        return done(faults.requestHeartbeat(order.user, order.on))
      case "changeNat":
        return done(faults.changeNat(order.user))
      case "healNat":
        return done(faults.healNat(order.user))
      case "rekeyVoice":
        return done(faults.rekeyVoice(order.user))
      case "overrunReplay":
        return done(faults.overrunReplay(order.user))
      case "expireVoice":
        return done(faults.expireVoice(order.user))
      case "startSequence":
        return done(faults.startSequence(order.user, order.first))
      case "when":
        return rule(faults.when(order, order.what), order.forMs)
      case "ignoreHeartbeats":
        return rule(faults.ignoreHeartbeats(order.user, order.on), order.forMs)
      case "datagrams":
        return rule(faults.datagrams(order.user, order), order.forMs)
      case "silenceDiscovery":
        return rule(faults.silenceDiscovery(order.user, order), order.forMs)
      case "loseServerUpdate":
        return rule(faults.loseServerUpdate(order.user, order), order.forMs)
      case "delayEvents":
        return rule(faults.delayEvents(order.user, order.delayMs), order.forMs)
      case "guildOutage":
        return outage(faults.guildOutage(order.guild), order.forMs)
      case "play":
        return schedule(faults.play(order.schedule))
      case "random":
        return schedule(faults.random(order))
      case "fault":
        return known(order.fault, lasting.look(order.fault))
      case "endFault":
        return known(order.fault, lasting.end(order.fault))
      case "verdicts":
        return Effect.all({
          violations: Effect.map(discord.violations, sinceStart),
          advice: Effect.map(discord.advice, sinceStart)
        })
      case "counters":
        return Effect.map(discord.counters, (counters) => ({ counters: Object.fromEntries(counters) }))
      case "snapshot":
        return Effect.map(
          discord.snapshot,
          (snapshot) => ({ snapshot: { ...snapshot, nowMs: snapshot.nowMs - startMs } })
        )
      case "stop":
        return Effect.succeed(nothing)
    }
  }
  return { perform }
})
