import { assert, describe, it } from "@effect/vitest"
import {
  Cause,
  Effect,
  Layer,
  Logger,
  Option,
  Predicate,
  Redacted,
  References,
  Schedule,
  type Scope,
  Stream,
  Tracer
} from "effect"
import { inspect } from "node:util"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as Gateway from "../../src/Gateway.ts"
import { VoiceDriver } from "../../src/VoiceDriver.ts"
import { VoiceError } from "../../src/VoiceError.ts"
import * as FaultTable from "./faultTable.ts"
import * as Model from "./model.ts"
import * as Rig from "./rig.ts"

/** Every form in which a program may print a value. */
const printed = (value: unknown): ReadonlyArray<string> => {
  const texts = [inspect(value, { depth: 12, showHidden: true, getters: true }), String(value)]
  if (!Predicate.hasProperty(value, "fiber")) {
    const seen = new WeakSet<object>()
    texts.push(
      JSON.stringify(value, (_, inner: unknown) => {
        if (typeof inner === "bigint") return String(inner)
        if (typeof inner !== "object" || inner === null) return inner
        if (seen.has(inner)) return undefined
        seen.add(inner)
        return inner
      }) ?? ""
    )
  }
  if (value instanceof Error) texts.push(value.message, value.stack ?? "")
  if (value instanceof VoiceError) texts.push(Cause.pretty(Cause.fail(value)), value.reason.message)
  return texts
}

/** Collects what is printed, and what must not be printed. */
const makeAuditor = () => {
  const texts = new Set<string>()
  const secrets = new Map<string, string>()
  const look = (value: unknown) => {
    for (const text of printed(value)) texts.add(text)
  }
  const keep = (what: string, secret: unknown) => {
    if (typeof secret === "string" && secret.length >= 8) secrets.set(secret, what)
  }

  /** Reads along on all connections. */
  const attend: Effect.Effect<void, never, Emulator.Emulator | Scope.Scope> = Effect.gen(function*() {
    const discord = yield* Emulator.Emulator
    const { token } = yield* Effect.orDie(discord.user("bot"))
    keep("bot token", Redacted.value(token))
    yield* discord.faults.add(({ frame, op, point }) => {
      if (typeof frame !== "string") return undefined
      if (point !== "gateway-out" && point !== "voice-out") return undefined
      const { d } = JSON.parse(frame)
      if (op === "READY" || op === "VOICE_STATE_UPDATE") keep("session id", d.session_id)
      if (op === "VOICE_SERVER_UPDATE") keep("voice token", d.token)
      if (point === "voice-out" && op === 4) {
        const key = Buffer.from(d.secret_key)
        keep("key", key.toString("hex"))
        keep("key", key.toString("base64"))
        // as arrays and buffers print themselves, in full or cut off
        for (const separator of [",", ", "]) keep("key", Array.from(key.subarray(0, 8)).join(separator))
        keep("key", key.subarray(0, 8).toString("hex").replaceAll(/(..)(?=.)/g, "$1 "))
      }
      return undefined
    })
  })

  const logger = Logger.make<unknown, void>((options) => {
    look(options.message)
    texts.add(Cause.pretty(options.cause))
    look(options.fiber.getRef(References.CurrentLogAnnotations))
    for (const formatter of [Logger.formatJson, Logger.formatLogFmt, Logger.formatSimple]) {
      texts.add(formatter.log(options))
    }
  })

  const spans: Array<Tracer.NativeSpan> = []
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      spans.push(span)
      return span
    }
  })

  const around = <A, E>(run: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    run.pipe(
      Effect.provide(Logger.layer([logger])),
      Effect.provideService(References.MinimumLogLevel, "Trace"),
      Effect.withTracer(tracer)
    )

  const findings = () => {
    for (const { attributes, events, name, status } of spans) {
      look([name, Array.from(attributes), events])
      look(status)
    }
    return Array.from(secrets).flatMap(([secret, what]) =>
      Array.from(texts).filter((text) => text.includes(secret)).map((text) => `${what} in ${text.slice(0, 500)}`)
    )
  }
  return { attend, look, around, findings, secrets, spans, texts }
}

describe("secrets", () => {
  it.effect("never appear in anything that a program can print, whatever happens to it", () =>
    Effect.gen(function*() {
      for (let seed = 3_000; seed < 3_040; seed++) {
        const auditor = makeAuditor()
        yield* Model.play(Model.draw(seed), auditor)
        assert.sameMembers([...new Set(auditor.secrets.values())], ["bot token", "session id", "voice token", "key"])
        assert.isAbove(auditor.texts.size, 10)
        assert.isAbove(auditor.spans.length, 0)
        assert.deepStrictEqual(auditor.findings(), [], `seed ${seed}`)
      }
    }))

  it.effect("do not appear in the record that a driver connects with, or in its connection", () => {
    const auditor = makeAuditor()
    return Effect.gen(function*() {
      yield* Rig.run(Effect.gen(function*() {
        yield* auditor.attend
        const info = yield* Rig.grant("lobby")
        auditor.look(info)
        const driver = yield* VoiceDriver
        const connection = yield* driver.connect(info)
        auditor.look(connection)
        auditor.look(yield* connection.statistics)
        auditor.look(yield* connection.events)
        auditor.look(yield* Emulator.Emulator.useSync(({ faults }) => faults))
      }))
      assert.deepStrictEqual(auditor.findings(), [])
    }).pipe(Effect.provide(Rig.memory()), auditor.around)
  })

  it.live("never appear over real sockets, whatever close code comes and whichever token is wrong", () => {
    const auditor = makeAuditor()
    const gateway = (options: { readonly restUrl?: string; readonly url?: string; readonly token?: string }) =>
      Layer.unwrap(
        Emulator.Emulator.use((discord) =>
          Effect.map(
            Effect.orDie(discord.user("bot")),
            ({ token }) =>
              Gateway.layer({ ...options, token: options.token === undefined ? token : Redacted.make(options.token) })
                .pipe(
                  Layer.provide(discord.transport)
                )
          )
        )
      )
    const policy = { backoff: Schedule.upTo(Schedule.spaced("10 millis"), { times: 3 }), gatewayPatience: 50 }
    return Effect.gen(function*() {
      const { faults, urls } = yield* Emulator.Emulator
      yield* auditor.attend
      for (const code of [...FaultTable.codes, 1006]) {
        yield* Effect.gen(function*() {
          const session = yield* Rig.join("lobby", { policy })
          auditor.look(session)
          yield* session.changes.pipe(
            Stream.runForEach((state) => Effect.sync(() => auditor.look(state))),
            Effect.forkScoped({ startImmediately: true })
          )
          const track = yield* session.play(Rig.source(5))
          yield* code === 1006 ? faults.terminateVoice("bot") : faults.closeVoice("bot", code)
          auditor.look(yield* track.awaitEnd)
          auditor.look(yield* Effect.exit(session.statistics))
          const closed = yield* Effect.timeoutOption(Effect.exit(session.awaitClosed), "100 millis")
          auditor.look(Option.getOrUndefined(closed))
        }).pipe(Effect.scoped)
      }
      const wrong = "a-wrong-token-that-nobody-may-see"
      auditor.secrets.set(wrong, "wrong token")
      for (const how of [{ restUrl: urls.rest }, { url: urls.gateway }]) {
        const exit = yield* Effect.exit(Rig.join("lobby")).pipe(
          Effect.scoped,
          Effect.provide(gateway({ ...how, token: wrong }), { local: true })
        )
        assert.strictEqual(exit._tag, "Failure")
        auditor.look(exit)
      }
      const kinds = ["bot token", "session id", "voice token", "key", "wrong token"]
      assert.sameMembers([...new Set(auditor.secrets.values())], kinds)
      assert.isAbove(auditor.texts.size, 100)
      assert.deepStrictEqual(auditor.findings(), [])
    }).pipe(
      Effect.scoped,
      Effect.provide(
        Layer.unwrap(Emulator.Emulator.useSync(({ urls }) => gateway({ restUrl: urls.rest }))).pipe(
          Layer.provideMerge(Rig.loopback())
        )
      ),
      auditor.around
    )
  })

  it("are found by this test if they do appear", () => {
    const auditor = makeAuditor()
    auditor.secrets.set("0123456789abcdef", "voice token")
    auditor.look({ deep: [new Map([["token", "0123456789abcdef"]])] })
    assert.lengthOf(auditor.findings(), 1)
  })
})
