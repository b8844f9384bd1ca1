/** A bot among guests in end-to-end encrypted channels. Everybody can be heard by everybody, or a test fails. */
import { assert } from "@effect/vitest"
import { Clock, Effect, Exit, Layer, References, Scope, Stream } from "effect"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as Mixer from "../../src/Mixer.ts"
import * as VoiceCrypto from "../../src/VoiceCrypto.ts"
import type * as VoiceDriver from "../../src/VoiceDriver.ts"
import type * as VoiceSession from "../../src/VoiceSession.ts"
import * as Rig from "./rig.ts"
import * as VirtualTime from "./virtualTime.ts"

export const frameMs = 20

/** Somebody who can be heard, and who hears. */
export interface Guest {
  readonly name: string
  readonly participant: Emulator.Participant
  readonly scope: Scope.Closeable
  channel: string
}

export interface Bot {
  readonly session: VoiceSession.VoiceSession
  readonly scope: Scope.Closeable
  readonly packets: ReadonlyArray<VoiceDriver.AudioPacket>
  channel: string
}

/** What one participant heard from another, without silence. */
export interface Heard {
  readonly atMs: number
  readonly payload: Uint8Array
}

const ascending = (a: string, b: string) => a.length - b.length || (a < b ? -1 : 1)

/** No channel takes longer to settle: a transition that somebody does not answer lasts two seconds. */
const restMs = 6_000

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")

export const makeParty = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const outer = yield* Effect.scope
  const botId = (yield* Effect.orDie(discord.user("bot"))).id
  const guests = new Map<string, Guest>()
  /** Those who misbehave: nobody has to hear them, and they do not have to hear anybody. */
  const rogues = new Set<string>()
  let bot: Bot | undefined
  /** Distinguishes the frames of one speech from those of every other. */
  let speeches = 0

  const arrive = Effect.fnUntraced(function*(
    name: string,
    channel: string,
    options: Omit<Emulator.JoinOptions, "user" | "channel"> = {}
  ) {
    const scope = yield* Scope.fork(outer)
    const participant = yield* Effect.orDie(discord.join({ user: name, channel, ...options })).pipe(
      Scope.provide(scope)
    )
    const guest: Guest = { name, participant, scope, channel }
    guests.set(name, guest)
    return guest
  })

  const leave = (name: string) =>
    Effect.suspend(() => {
      const guest = guests.get(name) ?? assert.fail(`${name} is not here`)
      guests.delete(name)
      return Scope.close(guest.scope, Exit.void)
    })

  const move = (name: string, channel: string) =>
    Effect.suspend(() => {
      const guest = guests.get(name) ?? assert.fail(`${name} is not here`)
      guest.channel = channel
      return Effect.orDie(discord.faults.moveUser(name, channel))
    })

  const enter = Effect.fnUntraced(function*(channel: string) {
    const scope = yield* Scope.fork(outer)
    const session = yield* Rig.join(channel).pipe(Scope.provide(scope), Effect.orDie)
    const packets: Array<VoiceDriver.AudioPacket> = []
    yield* session.packets.pipe(
      Stream.runForEach((packet) => Effect.sync(() => packets.push(packet))),
      Effect.ignore,
      Effect.forkIn(scope, { startImmediately: true })
    )
    return bot = { session, scope, packets, channel }
  })

  const exit = Effect.suspend(() => {
    const scope = bot?.scope ?? assert.fail("the bot is not here")
    bot = undefined
    return Scope.close(scope, Exit.void)
  })

  const go = Effect.fnUntraced(function*(channel: string) {
    const { session } = bot ?? assert.fail("the bot is not here")
    const id = yield* Effect.orDie(discord.channel(channel))
    if (bot !== undefined) bot.channel = channel
    yield* Effect.orDie(session.move(id))
  })

  const inChannel = (channel: string) => Array.from(guests.values()).filter((guest) => guest.channel === channel)

  const honest = (channel: string) => inChannel(channel).filter(({ name }) => !rogues.has(name))

  /** Frames of a new speech that nobody else says. */
  const words = (count: number) => Rig.frames(count, ++speeches & 0xff)

  const codeOfBot = Effect.suspend(() =>
    bot === undefined ? Effect.undefined : Effect.map(bot.session.e2ee, ({ membership }) => membership?.privacyCode)
  )

  /** Why a channel is not settled: not everyone is in one group, or something is in progress. */
  const unrest = Effect.fnUntraced(function*(channel: string) {
    const there = honest(channel)
    const hasRogues = there.length < inChannel(channel).length
    const codes = new Map<string, string | undefined>()
    for (const { name, participant } of there) codes.set(name, (yield* participant.e2ee)?.privacyCode)
    if (bot !== undefined && bot.channel === channel) {
      // until it has resumed, it knows nothing of members who speak for the first time
      const { _tag } = yield* bot.session.state
      if (_tag !== "Ready") return `the bot is ${_tag}`
      const e2ee = yield* bot.session.e2ee
      codes.set("bot", e2ee.membership?.privacyCode)
      if (e2ee.transitioning) return "the bot is in a transition"
      if (e2ee.version !== 1) return `the bot is at version ${e2ee.version}`
      const here = [botId, ...there.map(({ participant }) => participant.userId)].toSorted(ascending)
      const { members = [] } = e2ee.membership ?? {}
      if (here.length > 1 && !hasRogues && members.toSorted(ascending).join() !== here.join()) {
        return `members ${members.join()}`
      }
    }
    if (codes.size < 2) return undefined
    const [code, ...others] = new Set(codes.values())
    if (code === undefined || others.length > 0) {
      return JSON.stringify(Array.from(codes, ([name, value]) => `${name}: ${value ?? "none"}`))
    }
    if (hasRogues) return undefined
    const id = yield* Effect.orDie(discord.channel(channel))
    const { daveGroups } = yield* discord.snapshot
    const group = daveGroups.find(({ channelId, members }) => channelId === id && members.length > 0)
    if (group === undefined) return "no group"
    return group.pending.length + group.proposals + group.transitions.length > 0 ? JSON.stringify(group) : undefined
  })

  /** Waits until everyone in a channel is in one group, with one code, and nothing is in progress. */
  const rest = Effect.fnUntraced(function*(channel: string) {
    const from = yield* Clock.currentTimeMillis
    while (true) {
      const why = yield* unrest(channel)
      if (why === undefined) return (yield* Clock.currentTimeMillis) - from
      if ((yield* Clock.currentTimeMillis) - from > restMs) {
        return assert.fail(`${channel} does not come to rest: ${why}`)
      }
      yield* Effect.sleep(frameMs)
    }
  })

  const heardBy = (listener: Guest | Bot, speaker: string): Effect.Effect<ReadonlyArray<Heard>> =>
    "participant" in listener
      ? Effect.map(
        listener.participant.heard,
        (heard) =>
          heard.filter(({ silence, userId }) => !silence && userId === speaker)
            .map(({ arrivalMs, payload }) => ({ atMs: arrivalMs, payload }))
      )
      : Effect.sync(() =>
        listener.packets.filter(({ payload, userId }) =>
          userId === speaker && Buffer.compare(payload, Rig.silence) !== 0
        ).map(({ arrivalMs, payload }) => ({ atMs: arrivalMs, payload: new Uint8Array(payload) }))
      )

  /** Everyone in a channel says a few frames, and everyone else there hears exactly these. */
  const talk = Effect.fnUntraced(function*(channel: string, count: number) {
    const there = honest(channel)
    const here: ReadonlyArray<Guest | Bot> = bot !== undefined && bot.channel === channel ? [...there, bot] : there
    if (here.length < 2) return
    const said = new Map<string, ReadonlyArray<AudioSource.OpusFrame>>()
    const idOf = (one: Guest | Bot) => "participant" in one ? one.participant.userId : botId
    for (const one of here) said.set(idOf(one), words(count))
    const saidBy = (one: Guest | Bot) => said.get(idOf(one)) ?? assert.fail("everybody speaks")
    const before = new Map<string, number>()
    const key = (listener: Guest | Bot, speaker: Guest | Bot) => `${idOf(listener)} hears ${idOf(speaker)}`
    const pairs = here.flatMap((listener) =>
      here.filter((speaker) => speaker !== listener).map((speaker) => [listener, speaker] as const)
    )
    for (const [listener, speaker] of pairs) {
      before.set(key(listener, speaker), (yield* heardBy(listener, idOf(speaker))).length)
    }
    yield* Effect.forEach(
      here,
      (one) =>
        "participant" in one
          ? Effect.orDie(one.participant.speak(saidBy(one)))
          : one.session.play(AudioSource.fromFrames(saidBy(one))).pipe(
            Effect.flatMap((track) => track.awaitEnd),
            Effect.orDie
          ),
      { concurrency: "unbounded", discard: true }
    )
    yield* Effect.sleep("100 millis")
    for (const [listener, speaker] of pairs) {
      const heard = (yield* heardBy(listener, idOf(speaker))).slice(before.get(key(listener, speaker)))
      assert.strictEqual(
        heard.map(({ payload }) => hex(payload)).join(" "),
        saidBy(speaker).map(({ data }) => hex(data)).join(" "),
        key(listener, speaker)
      )
    }
  })

  /** Nothing that the bot said was sent in the clear, and nobody received anything unencrypted. */
  const discreet = Effect.gen(function*() {
    for (const { name, participant } of guests.values()) {
      for (const frame of yield* participant.heard) {
        if (frame.userId === botId) assert.isTrue(frame.silence || frame.encrypted, `in the clear to ${name}`)
      }
      // what rogues say is counted, too
      if (rogues.size === 0) assert.strictEqual((yield* participant.undecryptable).get("unencrypted") ?? 0, 0)
    }
  })

  return {
    discord,
    botId,
    guests,
    rogues,
    bot: () => bot,
    botHere: () => bot ?? assert.fail("the bot is not here"),
    arrive,
    leave,
    move,
    enter,
    exit,
    go,
    inChannel,
    words,
    codeOfBot,
    rest,
    heardBy,
    talk,
    discreet
  }
})

export type Party = Effect.Success<typeof makeParty>

/** The cipher libraries take real time to start. */
const started = Effect.scoped(Layer.build(Layer.merge(VoiceCrypto.layer, Mixer.layer)))

/** Runs a program of a bot and its guests in memory, on virtual time that passes on its own. */
export const run = <A, E>(
  program: Effect.Effect<A, E, Layer.Success<ReturnType<typeof Rig.memory>> | Scope.Scope>,
  options: Emulator.MemoryOptions = {}
): Effect.Effect<A, E> =>
  Effect.scoped(program).pipe(
    Effect.provide(Rig.memory(options), { local: true }),
    Effect.orDie,
    Effect.provideService(References.MinimumLogLevel, "None"),
    (run) => Effect.andThen(started, VirtualTime.run(run, 300_000))
  )
