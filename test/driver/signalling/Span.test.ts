import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, References, Tracer } from "effect"
import * as Span from "../../../src/driver/signalling/Span.ts"

describe("Span", () => {
  it.effect("surrounds an effect, and holds its failure but not its result", () =>
    Effect.gen(function*() {
      const spans: Array<Tracer.NativeSpan> = []
      const tracer = Tracer.make({
        span: (options) => {
          const span = new Tracer.NativeSpan(options)
          spans.push(span)
          return span
        }
      })
      const around = Span.around("VoiceDriver.phase.hello", { attributes: { guild: "1" } })
      const run = <A, E>(effect: Effect.Effect<A, E>) =>
        Effect.map(Effect.exit(Effect.withTracer(around(effect), tracer)), String)
      assert.deepStrictEqual(yield* run(Effect.succeed("key")), String(Exit.succeed("key")))
      assert.deepStrictEqual(yield* run(Effect.fail("lost")), String(Exit.fail("lost")))
      assert.deepStrictEqual(
        spans.map(({ attributes, name, status }) => [
          name,
          Object.fromEntries(attributes),
          status._tag === "Ended" ? String(status.exit) : status._tag
        ]),
        [Exit.void, Exit.fail("lost")].map((exit) => ["VoiceDriver.phase.hello", { guild: "1" }, String(exit)])
      )
    }))

  it.effect("has no stack frame, with which every interruption within would be annotated", () =>
    Effect.gen(function*() {
      const frame = yield* Span.around("VoiceDriver.phase.hello")(References.CurrentStackFrame).pipe(
        Effect.withSpan("of the caller")
      )
      assert.isUndefined(frame)
    }))
})
