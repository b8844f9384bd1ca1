import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, Tracer } from "effect"
import { TestClock } from "effect/testing"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as VoiceError from "../../src/VoiceError.ts"
import * as Rig from "../integration/rig.ts"
import * as SessionRig from "./rig.ts"

/** Keeps every span that is started. */
const collecting = () => {
  const spans: Array<Tracer.NativeSpan> = []
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      spans.push(span)
      return span
    }
  })
  const named = (name: string) => spans.filter((span) => span.name === name)
  const one = (name: string) => {
    const [span, ...more] = named(name)
    assert.isDefined(span, name)
    assert.lengthOf(more, 0, name)
    return span
  }
  const childrenOf = (parent: Tracer.NativeSpan) =>
    spans.filter(({ parent: of }) => Option.isSome(of) && of.value.spanId === parent.spanId).map(({ name }) => name)
  return { tracer, spans, named, one, childrenOf }
}

const handshake = ["open", "hello", "ready", "discovery", "session-description"].map((phase) =>
  `VoiceDriver.phase.${phase}`
)

const isOver = ({ status }: Tracer.NativeSpan) => status._tag === "Ended"

const durationMs = ({ status }: Tracer.NativeSpan) =>
  status._tag === "Ended" ? Number(status.endTime - status.startTime) / 1e6 : assert.fail("goes on")

describe("Spans", () => {
  it.effect("cover the join, its phases, and the track", () => {
    const { childrenOf, one, tracer } = collecting()
    return Rig.run(Effect.gen(function*() {
      const session = yield* Rig.join("lobby")
      const join = one("VoiceSession.join")
      assert.isTrue(isOver(join))
      assert.includeMembers(childrenOf(join), ["VoiceSession.request", "VoiceDriver.connect"])
      const connect = one("VoiceDriver.connect")
      assert.deepStrictEqual(childrenOf(connect), handshake)
      assert.strictEqual(connect.attributes.get("channel"), yield* session.channelId)
      assert.strictEqual(connect.attributes.get("version"), 8)
      // hello, Identify and Ready, discovery, Select Protocol and the description: each takes a round trip
      assert.approximately(durationMs(connect), 2 * 20 * 4, 45)
      const track = yield* session.play(Rig.source(50))
      assert.isFalse(isOver(one("VoiceSession.track")))
      yield* track.awaitEnd
      yield* Effect.yieldNow
      assert.isTrue(isOver(one("VoiceSession.track")))
      assert.strictEqual(one("VoiceSession.track").attributes.get("end"), "Finished")
    })).pipe(Effect.provide(Rig.memory({ network: { latencyMs: 20 } })), Effect.withTracer(tracer))
  })

  it.effect("cover a resume and a reconnection, each as a trace of its own", () => {
    const { childrenOf, named, one, spans, tracer } = collecting()
    return Rig.run(Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      yield* Rig.join("lobby")
      yield* discord.faults.terminateVoice("bot")
      yield* Effect.sleep("10 seconds")
      const resume = one("VoiceDriver.resume")
      assert.isTrue(isOver(resume))
      assert.isTrue(Option.isNone(resume.parent))
      assert.deepStrictEqual(
        childrenOf(resume),
        ["open", "hello", "resume"].map((phase) => `VoiceDriver.phase.${phase}`)
      )
      assert.isDefined(resume.attributes.get("reason"))
      yield* discord.faults.closeVoice("bot", 4006)
      yield* Effect.sleep("10 seconds")
      const reconnect = one("VoiceSession.reconnect")
      assert.isTrue(isOver(reconnect))
      assert.isTrue(Option.isNone(reconnect.parent))
      assert.strictEqual(reconnect.attributes.get("reason"), "SessionInvalid")
      assert.sameMembers(childrenOf(reconnect), ["VoiceSession.request", "VoiceDriver.connect"])
      assert.lengthOf(named("VoiceDriver.connect"), 2)
      assert.deepStrictEqual(spans.filter((span) => !isOver(span)), [])
    })).pipe(Effect.provide(Rig.memory()), Effect.withTracer(tracer))
  })

  it.effect("cover each reconnection once, and nothing before the first connection", () => {
    const { named, tracer } = collecting()
    return Effect.gen(function*() {
      const it = yield* SessionRig.make()
      yield* it.driver.refuse(new VoiceError.SessionInvalid({ code: 4006, detail: "" }))
      const joining = yield* Effect.forkScoped(it.join, { startImmediately: true })
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(joining)
      assert.deepStrictEqual(named("VoiceSession.reconnect"), [])
      for (const expected of [1, 2]) {
        yield* it.lose(4006)
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(
          named("VoiceSession.reconnect").map(isOver),
          Array.from({ length: expected }, () => true)
        )
      }
    }).pipe(Effect.withTracer(tracer))
  })

  it.effect("end with the reason if no reconnection helps", () => {
    const { one, tracer } = collecting()
    return Rig.run(Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const session = yield* Rig.join("lobby")
      yield* discord.faults.fillChannel("lobby")
      yield* discord.faults.closeVoice("bot", 4006)
      yield* Effect.ignore(session.awaitClosed)
      const { status } = one("VoiceSession.reconnect")
      assert(status._tag === "Ended" && status.exit._tag === "Failure")
    })).pipe(Effect.provide(Rig.memory()), Effect.withTracer(tracer))
  })
})
