import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scheduler, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { ChannelId, Ssrc, UserId } from "../../src/protocol/Identifier.ts"
import * as FrameRing from "../../src/ring/FrameRing.ts"
import * as Conduit from "../../src/session/Conduit.ts"
import type * as Event from "../../src/session/Event.ts"
import type * as VoiceDriver from "../../src/VoiceDriver.ts"
import * as VoiceError from "../../src/VoiceError.ts"
import * as FakeConnection from "../audio/FakeConnection.ts"

const left = VoiceError.make(new VoiceError.NotConnected({ operation: "The test" }))
const lost = VoiceError.make(new VoiceError.SessionInvalid({ code: 4006, detail: "" }))

const packet: VoiceDriver.AudioPacket = {
  ssrc: Ssrc.make(9),
  sequence: 1,
  timestamp: 960,
  payload: Uint8Array.of(0xfc),
  arrivalMs: 0
}

const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkScoped(effect, { startImmediately: true })
const turns = Effect.repeat(Effect.yieldNow, { times: 20 })

/** A connection that is used until `release`. */
const using = Effect.fnUntraced(function*(
  conduit: Conduit.Conduit,
  change: Partial<VoiceDriver.VoiceConnection> = {}
) {
  const fake = yield* FakeConnection.make
  const scope = yield* Scope.make()
  yield* conduit.use({ ...fake.connection, ...change }).pipe(Scope.provide(scope))
  return { fake, release: Scope.close(scope, Exit.void) }
})

/** A connection that logs how tracks are handed to it, and reports the events that a test gives it. */
const recording = Effect.fnUntraced(function*(
  conduit: Conduit.Conduit,
  change: Partial<VoiceDriver.VoiceConnection> = {},
  firstTrack = 10
) {
  const log: Array<string> = []
  const observers: Array<VoiceDriver.Observer> = []
  let inner = firstTrack - 1
  const { fake, release } = yield* using(conduit, {
    attach: (_, options) =>
      Effect.sync(() => {
        log.push(`attach ${++inner}${options?.paused === true ? " paused" : ""} after ${options?.after ?? "nothing"}`)
        return inner
      }),
    detach: (track) => Effect.sync(() => log.push(`detach ${track}`)),
    setPaused: (track, paused) => Effect.sync(() => log.push(`${paused ? "pause" : "resume"} ${track}`)),
    observe: (observer) => Effect.sync(() => observers.push(observer)),
    ...change
  })
  const tell = (event: VoiceDriver.Happening) => {
    for (const { onEvent } of observers) onEvent(event)
  }
  return { fake, release, log, tell }
})

/** What this conduit reports: the tags, with the numbers of tracks. */
const telling = Effect.fnUntraced(function*(conduit: Conduit.Conduit) {
  const told: Array<string> = []
  yield* conduit.observe({
    onEvent: (event) => void told.push("track" in event ? `${event._tag} ${event.track}` : event._tag),
    onOver: () => {}
  })
  return told
})

const filled = (count: number) => {
  const ring = FrameRing.make()
  for (let i = 0; i < count; i++) ring.write(Uint8Array.of(0xfc, i), 960)
  return ring
}

describe("Conduit", () => {
  it.effect("hands tracks that play from one connection to the next, and holds them in between", () =>
    Effect.gen(function*() {
      const conduit = yield* Conduit.make(16)
      const ring = filled(6)
      const number = yield* conduit.attach(ring)
      const first = yield* using(conduit)
      yield* first.fake.steps(2)
      yield* first.release
      yield* first.fake.steps(1)
      const second = yield* using(conduit)
      yield* second.fake.steps(1)
      yield* conduit.setPaused(number, true)
      yield* second.fake.steps(1)
      yield* second.release
      const third = yield* using(conduit)
      yield* third.fake.steps(1)
      yield* conduit.setPaused(number, false)
      yield* third.fake.steps(1)
      const taken = ({ fake }: { readonly fake: { readonly taken: ReadonlyArray<{ readonly data: Uint8Array }> } }) =>
        fake.taken.map(({ data }) => data[1])
      assert.deepStrictEqual([first, second, third].map(taken), [[0, 1, 2], [3], [4]])
    }))

  it.effect("reports events with its own track numbers, and none of a track that is gone", () =>
    Effect.gen(function*() {
      const conduit = yield* Conduit.make(16)
      const seen: Array<Event.Event> = []
      const events = yield* conduit.events
      yield* start(Stream.runForEach(events, (event) => Effect.sync(() => seen.push(event))))
      const { fake } = yield* using(conduit)
      const first = yield* conduit.attach(filled(5))
      yield* fake.steps(1)
      yield* turns
      yield* conduit.attach(filled(5))
      const another = yield* using(conduit)
      yield* another.fake.steps(1)
      yield* turns
      assert.deepStrictEqual(seen, [
        { _tag: "TrackStarted", track: first },
        { _tag: "TrackStarted", track: first + 1 }
      ])
      yield* conduit.detach(first)
      assert.notInclude(another.fake.log, "detach 1")
      yield* conduit.detach(first + 1)
      assert.include(another.fake.log, "detach 1")
    }))

  it.effect("tells each connection whether it is muted, and its speaking flags", () =>
    Effect.gen(function*() {
      const conduit = yield* Conduit.make(16)
      yield* conduit.setMuted(true)
      yield* conduit.setSpeaking(5)
      const first = yield* using(conduit)
      assert.deepStrictEqual(first.fake.log, ["muted true", "speaking 5"])
      yield* conduit.setMuted(false)
      yield* first.release
      const second = yield* using(conduit)
      assert.deepStrictEqual(second.fake.log, ["speaking 5"])
    }))

  it.effect("listens on every connection while somebody reads, and otherwise on none", () =>
    Effect.gen(function*() {
      const conduit = yield* Conduit.make(16)
      let listening = 0
      let said: ((packet: VoiceDriver.AudioPacket) => void) | undefined
      const listen: VoiceDriver.VoiceConnection["listen"] = (onPacket) =>
        Effect.acquireRelease(
          Effect.sync(() => {
            listening++
            said = onPacket
          }),
          () => Effect.sync(() => listening--)
        )
      const first = yield* using(conduit, { listen })
      assert.strictEqual(listening, 0)
      const reading = yield* start(conduit.packets.pipe(Stream.take(2), Stream.runCollect))
      yield* turns
      assert.strictEqual(listening, 1)
      said?.(packet)
      yield* first.release
      assert.strictEqual(listening, 0)
      yield* using(conduit, { listen })
      yield* turns
      assert.strictEqual(listening, 1)
      said?.(packet)
      assert.deepStrictEqual(yield* Fiber.join(reading), [packet, packet])
      yield* turns
      assert.strictEqual(listening, 0)
    }))

  it.effect("listens to nothing while it is deaf, whoever reads and whatever connection comes", () =>
    Effect.gen(function*() {
      const conduit = yield* Conduit.make(16)
      const log: Array<string> = []
      const listen: VoiceDriver.VoiceConnection["listen"] = () =>
        Effect.acquireRelease(Effect.sync(() => log.push("listen")), () => Effect.sync(() => log.push("stop")))
      const change = { listen, relisten: Effect.sync(() => log.push("relisten")) }
      const reader = { onPacket: () => {}, only: () => undefined, onOver: () => {} }
      const first = yield* using(conduit, change)
      yield* conduit.setDeaf(true)
      yield* conduit.read(reader)
      yield* first.release
      yield* using(conduit, change)
      assert.deepStrictEqual(log, [])
      yield* conduit.setDeaf(false)
      yield* conduit.setDeaf(false)
      assert.deepStrictEqual(log, ["listen"], "once")
      // another reader comes and goes without a break
      yield* Effect.scoped(conduit.read({ ...reader }))
      assert.deepStrictEqual(log, ["listen", "relisten", "relisten"])
      yield* conduit.setDeaf(true)
      assert.deepStrictEqual(log.slice(3), ["stop"])
    }))

  it.effect("listens again only if a moderator really changes whether it is deaf", () =>
    Effect.gen(function*() {
      const conduit = yield* Conduit.make(16)
      const told: Array<boolean> = []
      yield* conduit.observe({ onEvent: () => {}, onOver: () => {}, onDeaf: (deaf) => told.push(deaf) })
      let begun = 0
      yield* using(conduit, { listen: () => Effect.sync(() => begun++) })
      yield* conduit.read({ onPacket: () => {}, only: () => undefined, onOver: () => {} })
      for (const deaf of [false, true, true, false, false]) yield* conduit.setServerDeaf(deaf)
      yield* turns
      assert.deepStrictEqual(told, [true, false])
      assert.strictEqual(begun, 3, "at first, and anew behind each change")
    }))

  it.effect("listens to nothing once it is deaf, wherever fibers take turns", () =>
    Effect.gen(function*() {
      for (let ops = 3; ops < 12; ops++) {
        const conduit = yield* Conduit.make(16)
        let listening = 0
        const listen: VoiceDriver.VoiceConnection["listen"] = () =>
          Effect.acquireRelease(Effect.sync(() => listening++), () => Effect.sync(() => listening--))
        yield* using(conduit, { listen })
        const reader = { onPacket: () => {}, only: () => undefined, onOver: () => {} }
        yield* Effect.all([conduit.read(reader), conduit.setDeaf(true)], { concurrency: "unbounded" }).pipe(
          Effect.provideService(Scheduler.MaxOpsBeforeYield, ops)
        )
        yield* turns
        assert.strictEqual(listening, 0, `${ops} steps`)
      }
    }))

  it.effect("listens once to a connection that comes up while somebody begins to read", () =>
    Effect.gen(function*() {
      const conduit = yield* Conduit.make(16)
      let listening = 0
      const listen: VoiceDriver.VoiceConnection["listen"] = () =>
        Effect.acquireRelease(Effect.sync(() => listening++), () => Effect.sync(() => listening--))
      const reader = { onPacket: () => {}, only: () => undefined, onOver: () => {} }
      const scope = yield* Effect.scope
      const { fake } = yield* using(conduit)
      const e2ee = Effect.andThen(Scope.provide(conduit.read(reader), scope), fake.connection.e2ee)
      yield* using(conduit, { listen, e2ee })
      yield* turns
      assert.strictEqual(listening, 1)
    }))

  for (const deed of ["attach", "pause", "detach"] as const) {
    for (const when of ["is asked how it is encrypted", "takes a track"] as const) {
      it.effect(`leaves tracks in their last state: ${deed} while a connection that comes up ${when}`, () =>
        Effect.gen(function*() {
          const conduit = yield* Conduit.make(16)
          const first = deed === "attach" ? undefined : yield* conduit.attach(filled(5))
          const other = filled(5)
          let hasHappened = false
          const happens = Effect.suspend(() => {
            if (hasHappened) return Effect.void
            hasHappened = true
            if (first === undefined) return Effect.asVoid(Effect.orDie(conduit.attach(other)))
            return deed === "pause" ? conduit.setPaused(first, true) : conduit.detach(first)
          })
          const nothing = { version: 0, transitioning: false }
          const playing = new Map<number, boolean>()
          let attached = 0
          yield* using(conduit, {
            e2ee: Effect.as(when === "takes a track" ? Effect.void : happens, nothing),
            attach: (_, options) =>
              Effect.suspend(() => {
                const track = ++attached
                playing.set(track, options?.paused !== true)
                return Effect.as(when === "takes a track" ? happens : Effect.void, track)
              }),
            setPaused: (track, paused) => Effect.sync(() => playing.set(track, !paused)),
            detach: (track) => Effect.sync(() => playing.delete(track))
          })
          yield* happens
          assert.deepStrictEqual([...playing.values()], { attach: [true], pause: [false], detach: [] }[deed])
        }))
    }
  }

  it.effect("does not report the end of a connection that another one may follow", () =>
    Effect.gen(function*() {
      const conduit = yield* Conduit.make(16)
      const told = yield* telling(conduit)
      const { tell } = yield* recording(conduit)
      tell({ _tag: "Heartbeat", roundTripMs: 1 })
      tell({ _tag: "Ended", error: lost })
      assert.deepStrictEqual(told, ["Heartbeat"])
      yield* conduit.end(lost, true)
      assert.deepStrictEqual(told, ["Heartbeat", "Ended"])
    }))

  it.effect("leaves the current connection alone when a former one ends late", () =>
    Effect.gen(function*() {
      const conduit = yield* Conduit.make(16)
      const former = yield* using(conduit)
      const { log } = yield* recording(conduit)
      yield* former.release
      yield* conduit.attach(filled(5))
      assert.deepStrictEqual(log, ["attach 10 after nothing"])
    }))

  it.effect("keeps a track waiting for the one that plays, even across a lost connection", () =>
    Effect.gen(function*() {
      const conduit = yield* Conduit.make(16)
      const told: Array<string> = []
      yield* conduit.observe({
        onEvent: (event) => void ("track" in event && told.push(`${event._tag} ${event.track}`)),
        onOver: () => {}
      })
      const attachments: Array<{ readonly track: number; readonly after: number | "drained" | undefined }> = []
      let observer: VoiceDriver.Observer | undefined
      let inner = 10
      const change: Partial<VoiceDriver.VoiceConnection> = {
        attach: (_, options) =>
          Effect.sync(() => {
            attachments.push({ track: ++inner, after: options?.after })
            return inner
          }),
        observe: (given) =>
          Effect.sync(() => {
            observer = given
          })
      }
      const first = yield* using(conduit, change)
      yield* conduit.attach(filled(5))
      const second = yield* conduit.attach(filled(5), { after: "drained" })
      yield* first.release
      yield* using(conduit, change)
      assert.deepStrictEqual(attachments.map(({ after }) => after), [undefined, "drained", undefined, "drained"])
      observer?.onEvent({ _tag: "TrackDrained", track: inner - 1 })
      observer?.onEvent({ _tag: "TrackStarted", track: inner })
      assert.deepStrictEqual(told, ["TrackDrained 1", "TrackStarted 2"])
      // it waits no longer
      yield* conduit.attach(filled(5), { after: 3 })
      yield* conduit.detach(second)
      observer?.onEvent({ _tag: "TrackStarted", track: inner })
      assert.deepStrictEqual(told.slice(2), ["TrackStarted 3"])
    }))

  it.effect("holds tracks that play or are attached meanwhile, whatever is paused, until it is released", () =>
    Effect.gen(function*() {
      const conduit = yield* Conduit.make(16)
      const { log } = yield* recording(conduit)
      const first = yield* conduit.attach(filled(5))
      const holding = yield* start(conduit.hold)
      yield* TestClock.adjust("119 millis")
      assert.isUndefined(holding.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(holding)
      yield* conduit.setPaused(first, false)
      yield* conduit.attach(filled(5))
      yield* conduit.release
      assert.deepStrictEqual(log, [
        "attach 10 after nothing",
        "pause 10",
        "pause 10",
        "attach 11 paused after nothing",
        "resume 11"
      ])
    }))

  it.effect("leaves a track paused that was paused before the hold, which takes no time then", () =>
    Effect.gen(function*() {
      const conduit = yield* Conduit.make(16)
      const { log } = yield* recording(conduit)
      const number = yield* conduit.attach(filled(5))
      yield* conduit.setPaused(number, true)
      yield* conduit.hold
      yield* conduit.release
      assert.deepStrictEqual(log, ["attach 10 after nothing", "pause 10", "pause 10", "pause 10"])
    }))

  it.effect("takes no time to be held again, and does nothing if it is released without a hold", () =>
    Effect.gen(function*() {
      const conduit = yield* Conduit.make(16)
      const { log } = yield* recording(conduit)
      yield* conduit.attach(filled(5))
      yield* conduit.release
      const first = yield* start(conduit.hold)
      yield* conduit.hold
      assert.isUndefined(first.pollUnsafe())
      assert.deepStrictEqual(log, ["attach 10 after nothing", "pause 10", "pause 10"])
    }))

  it.effect("is no longer held on another connection", () =>
    Effect.gen(function*() {
      const conduit = yield* Conduit.make(16)
      const first = yield* recording(conduit)
      yield* conduit.hold
      yield* conduit.attach(filled(5))
      yield* first.release
      const second = yield* recording(conduit)
      assert.deepStrictEqual([first.log, second.log], [["attach 10 paused after nothing"], ["attach 10 after nothing"]])
    }))

  for (
    const [how, event, told] of [
      ["the playing one has drained", { _tag: "TrackDrained", track: 10 }, ["TrackDrained 1"]],
      ["it has started", { _tag: "TrackStarted", track: 11 }, ["TrackStarted 2"]],
      ["the playing one is detached", undefined, []]
    ] as const
  ) {
    it.effect(`moves on to a waiting track when ${how}, and lets it wait for nothing any more`, () =>
      Effect.gen(function*() {
        const conduit = yield* Conduit.make(16)
        const seen = yield* telling(conduit)
        const first = yield* recording(conduit)
        const former = yield* conduit.attach(filled(5))
        yield* conduit.attach(filled(5), { after: "drained" })
        if (event === undefined) yield* conduit.detach(former)
        else first.tell(event)
        assert.deepStrictEqual(seen, [...told])
        // the former track no longer concerns this conduit
        first.tell({ _tag: "TrackStarving", track: 10 })
        first.tell({ _tag: "TrackStarving", track: 11 })
        assert.deepStrictEqual(seen.slice(told.length), ["TrackStarving 2"])
        yield* first.release
        const second = yield* recording(conduit, {}, 20)
        assert.deepStrictEqual(second.log, ["attach 20 after nothing"])
      }))
  }

  it.effect("plays a waiting track on the next connection if the former track was detached", () =>
    Effect.gen(function*() {
      const conduit = yield* Conduit.make(16)
      const first = yield* recording(conduit)
      const former = yield* conduit.attach(filled(5))
      yield* conduit.attach(filled(5), { after: "drained" })
      yield* conduit.detach(former)
      assert.deepStrictEqual(first.log.slice(2), ["detach 10"])
      yield* first.release
      const second = yield* recording(conduit)
      assert.deepStrictEqual(second.log, ["attach 10 after nothing"])
    }))

  it.effect("does not hand on a track that was sent completely, and reports its end once", () =>
    Effect.gen(function*() {
      const conduit = yield* Conduit.make(1)
      const told = yield* telling(conduit)
      const first = yield* recording(conduit)
      yield* conduit.attach(FrameRing.make())
      first.tell({ _tag: "TrackDrained", track: 10 })
      yield* first.release
      const second = yield* recording(conduit)
      // it waits for nothing there
      yield* conduit.attach(FrameRing.make(), { after: 50 })
      assert.deepStrictEqual(second.log, ["attach 10 after nothing"])
      second.tell({ _tag: "TrackDrained", track: 10 })
      assert.deepStrictEqual(told.filter((what) => what.startsWith("Track")), ["TrackDrained 1", "TrackDrained 2"])
    }).pipe(Effect.scoped))

  it.effect("lets no track wait if nothing plays", () =>
    Effect.gen(function*() {
      const conduit = yield* Conduit.make(16)
      const seen = yield* telling(conduit)
      const { log, tell } = yield* recording(conduit)
      yield* conduit.attach(filled(5), { after: "drained" })
      tell({ _tag: "TrackStarving", track: 10 })
      assert.deepStrictEqual(log, ["attach 10 after nothing"])
      assert.deepStrictEqual(seen, ["TrackStarving 1"])
    }))

  it.effect("forgets a waiting track when another one replaces everything", () =>
    Effect.gen(function*() {
      const conduit = yield* Conduit.make(16)
      const seen = yield* telling(conduit)
      const first = yield* recording(conduit)
      yield* conduit.attach(filled(5))
      yield* conduit.attach(filled(5), { after: "drained" })
      yield* conduit.attach(filled(5))
      first.tell({ _tag: "TrackStarted", track: 11 })
      first.tell({ _tag: "TrackStarted", track: 12 })
      assert.deepStrictEqual(seen, ["TrackStarted 3"])
      yield* first.release
      const second = yield* recording(conduit)
      assert.deepStrictEqual(second.log, ["attach 10 after nothing"])
    }))

  it.effect("reports nothing for tracks that a connection did not take, and sends it no commands for them", () =>
    Effect.gen(function*() {
      const conduit = yield* Conduit.make(16)
      const seen = yield* telling(conduit)
      const first = yield* recording(conduit)
      const playing = yield* conduit.attach(filled(5))
      const waiting = yield* conduit.attach(filled(5), { after: "drained" })
      yield* first.release
      const second = yield* recording(conduit, { attach: () => Effect.fail(lost) })
      for (const number of [playing, waiting]) yield* conduit.setPaused(number, true)
      second.tell({ _tag: "TrackStarving", track: 10 })
      second.tell({ _tag: "TrackStarted", track: 11 })
      assert.deepStrictEqual(seen, [])
      for (const number of [waiting, playing]) yield* conduit.detach(number)
      assert.deepStrictEqual(second.log, [])
    }))

  it.effect("knows who was there when the last connection ended, and tells observers of each connection", () =>
    Effect.gen(function*() {
      const conduit = yield* Conduit.make(16)
      let connections = 0
      yield* conduit.observe({ onEvent: () => {}, onConnection: () => void connections++, onOver: () => {} })
      const clients = new Map([[UserId.make("5"), {}]])
      const { fake, release } = yield* using(conduit, { clients })
      const { channelId } = fake.connection.info
      clients.set(UserId.make("6"), { platform: 1 })
      assert.strictEqual(conduit.clients(), clients)
      yield* release
      assert.strictEqual(conduit.clients(channelId), clients)
      assert.deepStrictEqual(conduit.clients(ChannelId.make("99")), new Map())
      assert.strictEqual(connections, 1)
      yield* using(conduit)
      assert.deepStrictEqual(conduit.clients(channelId), new Map())
      assert.strictEqual(connections, 2)
    }))

  it.effect("reports what follows from an event after it, to every observer, and its end last", () =>
    Effect.gen(function*() {
      const conduit = yield* Conduit.make(16)
      const [ann, bob] = [UserId.make("5"), UserId.make("6")]
      yield* conduit.observe({
        onEvent: (event) => {
          if (event._tag !== "UserDisconnected") return
          conduit.publish({ _tag: "MemberChanged", userId: event.userId })
          if (event.userId === bob) Effect.runSync(conduit.end(lost, true))
        },
        onOver: () => {}
      })
      const seen: Array<string> = []
      yield* conduit.observe({
        onEvent: (event) => seen.push(event._tag),
        onOver: () => seen.push("over")
      })
      conduit.publish({ _tag: "UserDisconnected", userId: ann })
      assert.deepStrictEqual(seen.splice(0), ["UserDisconnected", "MemberChanged"])
      conduit.publish({ _tag: "UserDisconnected", userId: bob })
      assert.deepStrictEqual(seen, ["UserDisconnected", "MemberChanged", "Ended", "over"])
    }))

  it.effect("reports nothing to an observer whose scope has closed", () =>
    Effect.gen(function*() {
      const conduit = yield* Conduit.make(16)
      const told = yield* Effect.scoped(telling(conduit))
      conduit.publish({ _tag: "UserDisconnected", userId: UserId.make("5") })
      yield* conduit.end(lost, true)
      assert.deepStrictEqual(told, [])
    }))

  it.effect("has no statistics without a connection", () =>
    Effect.gen(function*() {
      const conduit = yield* Conduit.make(16)
      assert.strictEqual((yield* Effect.flip(conduit.statistics)).reason._tag, "NotConnected")
    }))

  for (const [how, error, isLost] of [["leaves", left, false], ["is lost", lost, true]] as const) {
    it.effect(`ends for everybody when the session ${how}`, () =>
      Effect.gen(function*() {
        const conduit = yield* Conduit.make(16)
        const events = yield* conduit.events
        const heard = yield* start(Stream.runCollect(events))
        const read = yield* start(Effect.flip(Stream.runCollect(conduit.packets)))
        const ended = yield* start(Effect.flip(conduit.awaitEnd))
        yield* turns
        yield* conduit.end(error, isLost)
        // only the first end counts
        yield* conduit.end(left, true)
        assert.deepStrictEqual(yield* Fiber.join(heard), isLost ? [{ _tag: "Ended", error }] : [])
        assert.strictEqual(yield* Fiber.join(read), error)
        assert.strictEqual(yield* Fiber.join(ended), error)
        assert.deepStrictEqual(yield* Effect.flatMap(conduit.events, Stream.runCollect), [])
        assert.strictEqual(yield* Effect.flip(Stream.runCollect(conduit.packets)), error)
        assert.strictEqual((yield* Effect.flip(conduit.attach(filled(1)))).reason._tag, "NotConnected")
        assert.strictEqual((yield* Effect.flip(conduit.setSpeaking(1))).reason._tag, "NotConnected")
      }))
  }

  it.effect("reports encryption that came while a connection came up, and that it ends with it", () =>
    Effect.gen(function*() {
      const conduit = yield* Conduit.make(16)
      const seen: Array<Event.Event> = []
      yield* conduit.observe({ onEvent: (event) => seen.push(event), onOver: () => {} })
      const e2ee: VoiceDriver.E2ee = {
        version: 1,
        membership: { epoch: 3, privacyCode: "1".repeat(30), members: [UserId.make("5")] },
        transitioning: false
      }
      const plain = { version: 0, transitioning: false }
      const encrypted = { e2ee: Effect.succeed(e2ee), clients: new Map([[UserId.make("5"), {}]]) }
      const first = yield* using(conduit, encrypted)
      const there: Event.Event = { _tag: "UsersConnected", userIds: [UserId.make("5")] }
      assert.deepStrictEqual(seen.splice(0), [there, { _tag: "E2eeChanged", e2ee }])
      yield* first.release
      assert.deepStrictEqual(seen.splice(0), [{ _tag: "E2eeChanged", e2ee: plain }])
      const second = yield* using(conduit, { e2ee: Effect.succeed(plain) })
      yield* second.release
      assert.deepStrictEqual(seen, [])
      // a connection that replaces one whose group had another code
      const third = yield* using(conduit, encrypted)
      const next = { ...e2ee, membership: { epoch: 3, privacyCode: "2".repeat(30), members: [UserId.make("5")] } }
      const fourth = yield* using(conduit, { ...encrypted, e2ee: Effect.succeed(next) })
      yield* third.release
      yield* fourth.release
      assert.deepStrictEqual(seen.splice(0), [
        there,
        { _tag: "E2eeChanged", e2ee },
        there,
        { _tag: "E2eeChanged", e2ee: next },
        { _tag: "E2eeChanged", e2ee: plain }
      ])
      // without a group yet, and between two versions
      for (const next of [{ version: 1, transitioning: false }, { version: 0, transitioning: true }]) {
        const { release } = yield* using(conduit, { e2ee: Effect.succeed(next) })
        yield* release
        assert.deepStrictEqual(seen.splice(0), [next, plain].map((e2ee) => ({ _tag: "E2eeChanged", e2ee })))
      }
    }))

  it.effect("says if there will be a connection again in errors of calls that need one", () =>
    Effect.gen(function*() {
      const conduit = yield* Conduit.make(16)
      const message = Effect.map(Effect.flip(conduit.statistics), ({ reason }) => reason.message)
      assert.include(yield* message, "at the moment")
      yield* conduit.end(left, false)
      assert.include(yield* message, "has ended")
    }))
})
