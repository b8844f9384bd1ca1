/**
 * A voice agent in the style of examples/barge-in-agent.ts, on services that fail, hang or are slow, and people who
 * talk with it.
 */
import { assert } from "@effect/vitest"
import { Cause, Clock, Effect, Fiber, FiberHandle, Layer, type Scope, Stream } from "effect"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as OpusDecoder from "../../src/OpusDecoder.ts"
import * as OpusEncoder from "../../src/OpusEncoder.ts"
import * as Utterances from "../../src/receive/Utterances.ts"
import * as Hearing from "../../src/testing/Hearing.ts"
import type * as VoiceSession from "../../src/VoiceSession.ts"
import * as Schedule from "../receive/schedule.ts"
import * as Rig from "./rig.ts"
import * as VirtualTime from "./virtualTime.ts"

export const nowMs = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos) / 1_000_000)

/** What can happen to a turn in the services. */
export const troubles = [
  "none",
  "recognition fails",
  "recognition hangs",
  "recognition is slow",
  "recognition dies",
  "synthesis does not begin",
  "synthesis fails",
  "synthesis hangs",
  "synthesis hangs at once",
  "synthesis is slow"
] as const
export type Trouble = typeof troubles[number]

const rate = 24_000

/** A tone in pieces of 100 ms. */
const pieces = (hz: number, seconds: number) =>
  Array.from(
    { length: seconds * 10 },
    (_, piece) =>
      Int16Array.from({ length: rate / 10 }, (_, i) =>
        8_000 * Math.sin((2 * Math.PI * hz * (piece * rate / 10 + i)) / rate))
  )

/** A tone as the packets of somebody who speaks. */
export const words = Effect.fnUntraced(function*(hz: number, seconds: number) {
  const encoder = yield* (yield* OpusEncoder.OpusEncoder).make({ channels: 1, application: "voip", complexity: 1 })
  return yield* Effect.forEach(Array.from({ length: seconds * 50 }, (_, frame) => frame), (frame) =>
    Effect.map(
      encoder.encode(
        Int16Array.from({ length: 960 }, (_, i) => 8_000 * Math.sin((2 * Math.PI * hz * (frame * 960 + i)) / 48_000))
      ),
      (data) => ({ data, samples: 960 })
    ))
}, Effect.scoped)

export interface Spoken {
  readonly hz: number
  readonly positionMs: number
}

export interface Services {
  /** Of the next turn. */
  trouble: Trouble
  hz: number
  seconds: number
}

/** Speech recognition and a language model. */
const recognize = (trouble: Trouble): Effect.Effect<void, string> => {
  switch (trouble) {
    case "recognition fails":
      return Effect.fail("no connection")
    case "recognition dies":
      return Effect.die(new Error("a bug of the service's client"))
    case "recognition hangs":
      return Effect.never
    case "recognition is slow":
      return Effect.sleep("3 seconds")
    default:
      return Effect.sleep("200 millis")
  }
}

/** Speech synthesis. */
const synthesize = ({ hz, seconds, trouble }: Services) => {
  const all = Stream.fromIterable(pieces(hz, seconds), { chunkSize: 1 })
  const some = Stream.take(all, 5)
  const stream = (): Stream.Stream<Int16Array, string> => {
    switch (trouble) {
      case "synthesis fails":
        return Stream.concat(some, Stream.fail("the connection was lost"))
      case "synthesis hangs":
        return Stream.concat(some, Stream.never)
      case "synthesis hangs at once":
        return Stream.never
      case "synthesis is slow":
        return Stream.tap(all, () => Effect.sleep("150 millis"))
      default:
        return all
    }
  }
  const source = AudioSource.fromPcm(stream(), { rate, channels: 1, name: String(hz) })
  return trouble === "synthesis does not begin" ? Effect.fail("quota exceeded") : Effect.succeed(source)
}

/** Structured like the example. `onSpoken` is told what was interrupted. */
export const agent = Effect.fnUntraced(function*(
  session: VoiceSession.VoiceSession,
  services: Services,
  onSpoken: (spoken: Spoken) => void
) {
  const heard = new Set<string>()
  const gain = () => heard.size === 0 ? 1 : 0.2
  const level = Effect.gen(function*() {
    for (const track of yield* session.tracks) yield* track.fade(gain(), "60 millis")
  })
  const answer = Effect.fnUntraced(function*(turn: Services) {
    yield* recognize(turn.trouble)
    const source = yield* synthesize(turn)
    const speech = Effect.gen(function*() {
      const track = yield* session.play(source, { gain: gain() })
      yield* track.awaitEnd
    })
    yield* Effect.onInterrupt(speech, () =>
      Effect.gen(function*() {
        const [spoken] = yield* session.interrupt
        if (spoken !== undefined) onSpoken({ hz: turn.hz, positionMs: spoken.positionMs })
      }))
  })
  const answering = yield* FiberHandle.make()
  yield* Utterances.events(session, { silence: "500 millis" }).pipe(
    Stream.runForEach(Effect.fnUntraced(function*(event) {
      switch (event._tag) {
        case "Started":
          heard.add(event.userId)
          return yield* level
        case "Confirmed":
          return yield* FiberHandle.clear(answering)
        case "Ended": {
          heard.delete(event.userId)
          yield* level
          const onlyIfMissing = !event.utterance.confirmed
          yield* FiberHandle.run(answering, answer({ ...services }), { onlyIfMissing })
          return
        }
        case "Discarded":
          heard.delete(event.userId)
          yield* level
      }
    }))
  )
}, Effect.scoped)

const codecs = Layer.merge(OpusDecoder.layer, OpusEncoder.layer)

/** Two guests, the agent, and how the agent ended. */
const scene = (timers: () => number) =>
  Effect.gen(function*() {
    const discord = yield* Emulator.Emulator
    const join = (user: string) => discord.join({ user, channel: "lobby", e2ee: false })
    const [ada, bob] = [yield* join("ada"), yield* join("bob")]
    const session = yield* Rig.join("lobby")
    const services: Services = { trouble: "none", hz: 500, seconds: 2 }
    const spoken: Array<Spoken> = []
    const running = yield* agent(session, services, (one) => spoken.push(one)).pipe(
      Effect.forkScoped({ startImmediately: true })
    )
    yield* Effect.sleep("1 second")
    return {
      ada,
      bob,
      discord,
      session,
      services,
      spoken,
      timers,
      ended: () => {
        const exit = running.pollUnsafe()
        return exit === undefined ? undefined : exit._tag === "Failure" ? Cause.pretty(exit.cause) : "it is over"
      },
      stop: Fiber.interrupt(running)
    }
  })

export type Scene = Effect.Success<ReturnType<typeof scene>>

/** How many milliseconds of a tone were heard. */
export const msOf = Effect.fnUntraced(function*(heard: ReadonlyArray<Hearing.Frame>, hz: number) {
  const sound = yield* Hearing.decode(heard)
  let ms = 0
  for (let at = 0; at + 20 <= sound.durationMs; at += 10) if (sound.part(at, at + 20).levelAt(hz) > -45) ms += 10
  return ms
})

/** Asserts that a turn in which nothing goes wrong is answered by at least two seconds of speech. */
const isAnswered = Effect.fnUntraced(function*({ ada, bob, ended, services, session }: Scene) {
  services.trouble = "none"
  services.hz = 1_900
  services.seconds = 2
  const before = (yield* ada.heard).length
  yield* bob.speak(yield* words(320, 1))
  yield* Effect.sleep("4 seconds")
  assert.isUndefined(ended())
  const heard = (yield* ada.heard).slice(before).filter(({ userId }) => userId === session.userId)
  assert.isAbove(yield* msOf(heard, 1_900), 1_900)
  assert.deepStrictEqual(yield* session.tracks, [])
})

/**
 * Turns from a seed, one after another and overlapping. Afterward the agent still answers, and nothing of the turns is
 * left.
 */
export const talk = Effect.fnUntraced(function*(scene: Scene, seed: number, forMs: number) {
  const { ada, bob, services, timers } = scene
  const next = Schedule.dice(seed)
  const pick = <A>(first: A, ...others: ReadonlyArray<A>): A =>
    [first, ...others][Math.floor(next() * (others.length + 1))] ?? first
  const said = yield* Effect.forEach([0.1, 0.2, 0.4, 0.8, 1.6], (seconds) => words(300, seconds))
  const [first = [], ...others] = said
  yield* isAnswered(scene)
  const before = timers()
  const beganMs = yield* nowMs
  let turns = 0
  while ((yield* nowMs) < beganMs + forMs) {
    turns++
    services.trouble = pick(...troubles)
    services.hz = pick(500, 600, 700, 800)
    services.seconds = pick(1, 2, 5)
    const speaking = Effect.fnUntraced(function*(person: Emulator.Participant) {
      yield* Effect.sleep(next() * 1_000)
      yield* person.speak(pick(first, ...others))
    })
    yield* Effect.forEach(pick([ada], [bob], [ada, bob]), speaking, { concurrency: "unbounded" })
    yield* Effect.sleep(pick(0, 300, 1_000, 3_000, 6_000))
  }
  // until tracks starve
  yield* Effect.sleep("40 seconds")
  yield* isAnswered(scene)
  assert.strictEqual(timers(), before)
  return turns
})

/** On virtual time. */
export const play = <A>(
  use: (scene: Scene) => Effect.Effect<A, unknown, Layer.Success<typeof codecs> | Scope.Scope>,
  limitMs: number
) =>
  VirtualTime.run(
    (timers) =>
      Effect.scoped(Effect.flatMap(scene(timers), use)).pipe(
        Effect.provide(Layer.merge(Rig.memory({ profile: Rig.open, network: { latencyMs: 20 } }), codecs)),
        Effect.orDie
      ),
    limitMs
  )
