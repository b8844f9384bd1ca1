/**
 * The REST API as a `fetch`, for clients in the emulator's own process: without a socket, and on Effect's `Clock`.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { Driver } from "./Driver.ts"
import { isForm } from "./Shell.ts"

/** Files are bytes; anything else is text. */
const bodyOf = async (request: Request): Promise<string | Uint8Array> =>
  isForm(request.headers.get("content-type") ?? undefined)
    ? new Uint8Array(await request.arrayBuffer())
    : request.text()

/** The error with which `fetch` rejects if a connection ends without an answer. */
const cutOff = Effect.suspend(() => Effect.die(new TypeError("fetch failed")))

/**
 * Makes a `fetch` that rejects with a `TypeError`, like the real one, if a fault leaves a request without an answer.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (driver: Pick<Driver, "call">): Effect.Effect<typeof globalThis.fetch> =>
  Effect.contextWith((context) =>
    Effect.succeed((input, init) => {
      const request = new Request(input, init)
      const { pathname, search } = new URL(request.url)
      const answered = Effect.gen(function*() {
        const body = yield* Effect.promise(() => bodyOf(request))
        const answer = yield* driver.call((core) =>
          core.rest({
            method: request.method,
            path: pathname + search,
            authorization: request.headers.get("authorization") ?? undefined,
            range: request.headers.get("range") ?? undefined,
            reason: request.headers.get("x-audit-log-reason") ?? undefined,
            body: body.length === 0 ? undefined : body
          })
        )
        if (answer.delayMs !== undefined) yield* Effect.sleep(answer.delayMs)
        if (answer.status === 0) return yield* cutOff
        const { bytes } = answer
        const text = answer.text ?? (answer.body === undefined ? null : JSON.stringify(answer.body))
        return new Response(bytes === undefined ? text : new Uint8Array(bytes), {
          status: answer.status,
          headers: { ...(text === null ? {} : { "content-type": "application/json" }), ...answer.headers }
        })
      })
      return Effect.runPromiseWith(context)(answered, { signal: request.signal })
    })
  )
