/**
 * A model of a call that a bot listens to. People say words, each with a tone of its own, over a network and through
 * faults that are drawn from a seed. The tests compare what a recording, utterances and ticks make of the call with
 * what was said.
 */
import { Clock, Effect, Layer, Stream } from "effect"
import { today } from "../../src/emulator/core/Profile.ts"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as OpusDecoder from "../../src/OpusDecoder.ts"
import * as OpusEncoder from "../../src/OpusEncoder.ts"
import * as Recorder from "../../src/receive/Recorder.ts"
import * as Utterances from "../../src/receive/Utterances.ts"
import * as Rig from "../integration/rig.ts"
import * as VirtualTime from "../integration/virtualTime.ts"
import * as Schedule from "./schedule.ts"

export interface Word {
  readonly hz: number
  readonly ms: number
  /** Silence in its packets before the sound. */
  readonly leadMs: number
  readonly frames: ReadonlyArray<{ readonly data: Uint8Array; readonly samples: number }>
}

/** The amplitude of a word, as a fraction of full scale. */
export const level = 0.25
const count = 28
const rate = 48_000

const makeWord = Effect.fnUntraced(function*(index: number) {
  const hz = 400 + 200 * index
  const ms = 160 + ((index * 7) % 12) * 40
  const leadMs = (index * 5) % 20
  const encoder = yield* (yield* OpusEncoder.OpusEncoder).make({
    channels: 1,
    bitrate: 64_000,
    application: "voip",
    complexity: 3
  })
  const total = Math.ceil((leadMs + ms + 7) / 20) * 960
  const pcm = new Int16Array(total)
  for (let i = 0; i < ms * 48; i++) {
    const ramp = Math.min(1, i / 96, (ms * 48 - i) / 96)
    pcm[leadMs * 48 + i] = Math.round(32_767 * level * ramp * Math.sin((2 * Math.PI * hz * i) / rate))
  }
  const frames: Array<{ readonly data: Uint8Array; readonly samples: number }> = []
  for (let at = 0; at < total; at += 960) {
    frames.push({ data: yield* encoder.encode(pcm.slice(at, at + 960)), samples: 960 })
  }
  return { hz, ms, leadMs, frames }
}, Effect.scoped)

const codecs = Layer.merge(OpusDecoder.layer, OpusEncoder.layer)

/** All words. */
export const vocabulary = Effect.forEach(Array.from({ length: count }, (_, i) => i), makeWord).pipe(
  Effect.provide(codecs)
)

export interface Deed {
  readonly gapMs: number
  readonly do: "say" | "leave" | "mute"
  readonly word: number
  readonly trailing: boolean
}

export interface Trouble {
  readonly atMs: number
  readonly kind: "close" | "terminate" | "moveServer" | "deaf" | "pause" | "loss" | "delay"
  readonly forMs: number
}

export interface Plan {
  readonly seed: number
  readonly network: {
    readonly latencyMs: number
    readonly jitterMs: number
    readonly duplicate: number
    readonly reorder: number
  }
  readonly people: ReadonlyArray<{
    readonly ppm: number
    readonly sequence: number
    readonly timestamp: number
    readonly deeds: ReadonlyArray<Deed>
  }>
  readonly troubles: ReadonlyArray<Trouble>
  readonly pauses: "live" | undefined
  readonly silence: number
  /** Whether the call is end-to-end encrypted. If it is, members who come and go without a word change the keys. */
  readonly e2ee: boolean
  readonly visits: ReadonlyArray<{ readonly atMs: number; readonly forMs: number }>
}

const kinds = ["close", "terminate", "moveServer", "deaf", "pause", "loss", "delay"] as const

export const draw = (seed: number): Plan => {
  const next = Schedule.dice(seed)
  const pick = <A>(first: A, ...others: ReadonlyArray<A>): A =>
    [first, ...others][Math.floor(next() * (others.length + 1))] ?? first
  const many = 1 + Math.floor(next() * 4)
  const words = Array.from({ length: count }, (_, i) => i).toSorted(() => next() - 0.5)
  const people = Array.from({ length: many }, (_, p) => ({
    ppm: Math.round((next() - 0.5) * 300),
    sequence: pick(0, 65_500, 30_000),
    timestamp: pick(0, 0xffff_f000, 0x7fff_0000),
    deeds: words.filter((_, i) => i % many === p).slice(0, 6).map((word): Deed => ({
      gapMs: pick(0, 60, 200, 500, 1_000, 1_500, 2_500, 4_000) + Math.floor(next() * 40),
      do: next() < 0.15 ? "leave" : next() < 0.1 ? "mute" : "say",
      word,
      trailing: next() < 0.8
    }))
  }))
  const troubles = Array.from({ length: Math.floor(next() * 3) }, (): Trouble => ({
    atMs: 1_000 + Math.floor(next() * 15_000),
    kind: pick(...kinds),
    forMs: pick(200, 1_000, 3_000)
  }))
  const network = {
    latencyMs: pick(0, 1, 20, 80),
    jitterMs: pick(0, 0, 10, 40, 80),
    duplicate: pick(0, 0.1),
    reorder: pick(0, 0, 0.05)
  }
  const [pauses, silence] = [next() < 0.5 ? undefined : "live" as const, pick(300, 400, 600)]
  const e2ee = next() < 0.5
  return {
    seed,
    // within an epoch, the engine reads nothing that a sender sent before the first packet it read
    network: e2ee ? { ...network, reorder: 0 } : network,
    people,
    troubles,
    pauses,
    silence,
    e2ee,
    visits: Array.from({ length: Math.floor(next() * 6) }, () => ({
      atMs: 500 + Math.floor(next() * 15_000),
      forMs: pick(60, 300, 1_500, 5_000)
    }))
  }
}

const nowMs = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos) / 1_000_000)

export interface Said {
  readonly word: Word
  readonly person: string
  /** When its packets were at the server. */
  readonly packetsMs: ReadonlyArray<number>
}

type Started = Extract<Utterances.Event, { readonly _tag: "Started" }>

/** What was said, and what became of it. */
export interface Result {
  readonly startMs: number
  readonly manifest: Recorder.Manifest
  readonly disk: Recorder.MemoryStorage
  readonly said: ReadonlyArray<Said>
  /** When something was wrong with the network, or with the bot. */
  readonly bad: ReadonlyArray<readonly [from: number, to: number]>
  readonly events: ReadonlyArray<{ readonly event: Utterances.Event; readonly atMs: number }>
  readonly sounds: ReadonlyArray<{ readonly pcm: ReadonlyArray<Int16Array>; readonly event: Started }>
  readonly ticks: ReadonlyArray<{
    readonly atMs: number
    readonly index: number
    readonly parts: ReadonlyMap<string, Int16Array>
  }>
  readonly mixed: ReadonlyArray<{ readonly atMs: number; readonly pcm: Int16Array }>
}

const program = (plan: Plan, words: ReadonlyArray<Word>, disk: Recorder.MemoryStorage) =>
  Effect.gen(function*() {
    const discord = yield* Emulator.Emulator
    const { e2ee } = plan
    const channel = e2ee ? "secure" : "lobby"
    const ear = yield* discord.join({ user: "ear", channel, e2ee })
    const session = yield* Rig.join(channel)
    if (e2ee) yield* Rig.encrypted(session, ear.userId)
    const bad: Array<readonly [number, number]> = []
    const events: Array<Result["events"][number]> = []
    const sounds: Array<{ readonly pcm: Array<Int16Array>; readonly event: Started }> = []
    const ticks: Array<Result["ticks"][number]> = []
    const mixed: Array<Result["mixed"][number]> = []
    const recording = yield* Recorder.start(session, {
      folder: "/recording",
      mixed: "wav",
      maximum: { duration: "10 minutes" }
    }).pipe(
      Effect.provideService(Recorder.Storage, disk)
    )
    yield* Utterances.events(session, { silence: plan.silence, pauses: plan.pauses }).pipe(
      Stream.runForEach((event) =>
        Effect.gen(function*() {
          events.push({ event, atMs: yield* nowMs })
          if (event._tag !== "Started") return
          const pcm: Array<Int16Array> = []
          sounds.push({ pcm, event })
          yield* Effect.forkScoped(Stream.runForEach(event.pcm, (piece) => Effect.sync(() => pcm.push(piece))))
        })
      ),
      Effect.ignore,
      Effect.forkScoped({ startImmediately: true })
    )
    yield* session.receive.ticksPcm({ rate: 16_000, channels: 1 }).pipe(
      Stream.runForEach(({ atMs, index, participants }) =>
        Effect.sync(() =>
          ticks.push({ atMs, index, parts: new Map([...participants].map(([id, { pcm }]) => [id, pcm])) })
        )
      ),
      Effect.ignore,
      Effect.forkScoped({ startImmediately: true })
    )
    yield* session.receive.mixed({ rate: 16_000, channels: 1 }).pipe(
      Stream.runForEach(({ atMs, pcm }) => Effect.sync(() => mixed.push({ atMs, pcm }))),
      Effect.ignore,
      Effect.forkScoped({ startImmediately: true })
    )
    yield* Effect.sleep("500 millis")
    const said: Array<Omit<Said, "packetsMs">> = []

    const talk = (index: number) =>
      Effect.gen(function*() {
        const { deeds, ppm, sequence, timestamp } = plan.people[index] ??
          { deeds: [], ppm: 0, sequence: 0, timestamp: 0 }
        const user = `p${index}`
        const audio = { clockPpm: ppm, sequence, timestamp }
        /** Packets that are in transit when somebody leaves are dropped. */
        const under = Effect.sleep(50 + plan.network.jitterMs + (plan.network.reorder > 0 ? 50 : 0))
        const enter = discord.join({ user, channel, e2ee, audio })
        // a person who is not in the group yet cannot be heard
        const join = Effect.tap(enter, (person) => e2ee ? person.awaitHeardBy("bot") : Effect.void)
        let person = yield* join
        for (const deed of deeds) {
          const word = words[deed.word]
          if (word === undefined) continue
          yield* Effect.sleep(deed.gapMs)
          if (deed.do === "leave") {
            yield* under
            yield* person.leave
            yield* Effect.sleep(300 + deed.gapMs)
            person = yield* join
          } else if (deed.do === "mute") {
            yield* person.setSelf({ mute: true })
            yield* Effect.sleep(300 + deed.gapMs)
            yield* person.setSelf({ mute: false })
          }
          said.push({ word, person: person.userId })
          yield* Effect.ignore(person.speak(word.frames, { trailingSilence: deed.trailing, throughMoves: true }))
        }
        yield* under
      }).pipe(Effect.scoped)

    const ready = session.changes.pipe(Stream.filter(({ _tag }) => _tag === "Ready"), Stream.take(1), Stream.runDrain)
    const trouble = Effect.fnUntraced(function*({ atMs, forMs, kind }: Trouble) {
      yield* Effect.sleep(atMs)
      const fromMs = yield* nowMs
      const fault = Effect.gen(function*() {
        switch (kind) {
          case "close":
            yield* discord.faults.closeVoice("bot", 4015)
            yield* Effect.sleep(100 + 2 * plan.network.latencyMs)
            return yield* ready
          case "terminate":
            yield* discord.faults.terminateVoice("bot")
            yield* Effect.sleep(100 + 2 * plan.network.latencyMs)
            return yield* ready
          case "moveServer":
            yield* discord.faults.moveServer(channel)
            yield* Effect.sleep(1_000)
            return yield* ready
          case "deaf":
            yield* session.setSelf({ deaf: true })
            yield* Effect.sleep(forMs)
            return yield* session.setSelf({ deaf: false })
          case "pause":
            yield* recording.pause
            yield* Effect.sleep(forMs)
            return yield* recording.resume
          case "loss":
            return yield* Effect.scoped(
              Effect.andThen(discord.faults.datagrams("bot", { direction: "out", loss: 0.3 }), Effect.sleep(forMs))
            )
          case "delay":
            return yield* Effect.scoped(
              Effect.andThen(discord.faults.datagrams("bot", { direction: "out", delayMs: 150 }), Effect.sleep(forMs))
            )
        }
      })
      yield* Effect.ignore(fault)
      bad.push([fromMs - 600, (yield* nowMs) + 1_500])
    })
    const visit = ({ atMs, forMs }: Plan["visits"][number], index: number) =>
      Effect.gen(function*() {
        yield* Effect.sleep(atMs)
        yield* discord.join({ user: `v${index}`, channel, e2ee })
        yield* Effect.sleep(forMs)
      }).pipe(Effect.scoped)
    yield* Effect.all([
      Effect.forEach(plan.people.keys(), talk, { concurrency: "unbounded" }),
      Effect.forEach(plan.troubles, trouble, { concurrency: "unbounded" }),
      Effect.forEach(plan.visits, visit, { concurrency: "unbounded" })
    ], { concurrency: "unbounded" })
    yield* Effect.sleep("2 seconds")
    const manifest = yield* recording.stop
    const heard = yield* ear.heard
    const times = new Map<string, number>()
    for (const { arrivalMs, payload, silence, userId } of heard) {
      if (!silence) times.set(`${userId} ${Buffer.from(payload).toString("hex")}`, arrivalMs)
    }
    return {
      startMs: recording.startMs,
      manifest,
      disk,
      bad,
      events,
      sounds,
      ticks,
      mixed,
      said: said.map(({ person, word }) => ({
        person,
        word,
        packetsMs: word.frames.map(({ data }) => times.get(`${person} ${Buffer.from(data).toString("hex")}`) ?? NaN)
      }))
    } satisfies Result
  })

/** How late a reordered packet is: a little less than the least depth of the buffer, because the speakers' clocks drift. */
const reorderMs = 35

/** Plays a plan on virtual time. */
export const observe = (plan: Plan, words: ReadonlyArray<Word>) =>
  Effect.suspend(() => {
    const disk = Recorder.memoryStorage()
    return VirtualTime.run(
      Effect.scoped(program(plan, words, disk)).pipe(
        Effect.provide(
          Layer.merge(
            Rig.memory({
              profile: plan.e2ee ? today : Rig.open,
              seed: plan.seed,
              network: { ...plan.network, reorderMs }
            }),
            codecs
          )
        ),
        Effect.orDie
      ),
      600_000
    )
  })
