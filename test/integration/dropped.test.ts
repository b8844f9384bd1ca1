import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule, Stream } from "effect"
import { readFileSync } from "node:fs"
import { createServer } from "node:http"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import * as Rig from "./rig.ts"

const song = readFileSync(new URL("../audio/files/chirp.opus.ogg", import.meta.url))

/**
 * A server whose responses break off in the middle of a song. Afterward it serves the rest of one song, and nothing of
 * the other.
 */
const serve = Effect.acquireRelease(
  Effect.callback<{ readonly url: string; readonly ranges: Array<number>; readonly close: () => Promise<void> }>(
    (resume) => {
      const ranges: Array<number> = []
      const broken = new Set<string>()
      const server = createServer((request, response) => {
        const url = request.url ?? ""
        const comesBack = url === "/back.ogg"
        const range = comesBack ? /^bytes=(\d+)-$/.exec(request.headers.range ?? "") : null
        const from = range === null ? 0 : Number(range[1])
        if (broken.has(url) && !comesBack) return response.destroy()
        if (broken.has(url)) ranges.push(from)
        response.writeHead(range === null ? 200 : 206, {
          etag: "\"one\"",
          "content-length": song.length - from,
          ...(comesBack ? { "content-range": `bytes ${from}-${song.length - 1}/${song.length}` } : {}),
          connection: "close"
        })
        const half = Math.floor(song.length / 2)
        if (broken.has(url) || from > half) return response.end(song.subarray(from))
        response.write(song.subarray(from, half), () =>
          setTimeout(() => {
            broken.add(url)
            response.destroy()
          }, 500))
      })
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = typeof address === "object" && address !== null ? address.port : 0
        resume(Effect.succeed({
          url: `http://127.0.0.1:${port}`,
          ranges,
          close: () =>
            new Promise((resolve) => {
              server.closeAllConnections()
              server.close(() => resolve())
            })
        }))
      })
    }
  ),
  ({ close }) => Effect.promise(close)
)

describe("a server that drops the connection while a session plays", () => {
  it.live("is inaudible if it serves the rest; otherwise the track fails with SourceFailed", () =>
    Effect.gen(function*() {
      const server = yield* serve
      yield* Rig.guest()
      const session = yield* Rig.join("lobby")
      const options = {
        ffmpeg: false,
        reconnect: Schedule.spaced("50 millis").pipe(Schedule.upTo({ times: 3 }))
      } as const
      const [back, gone] = yield* Effect.forEach(
        ["back", "gone"],
        (name) => session.play(AudioSource.fromUrl(`${server.url}/${name}.ogg`, options))
      )
      assert(back !== undefined && gone !== undefined)
      const failed = yield* gone.awaitEnd
      assert(failed._tag === "Failed")
      assert(failed.error.reason._tag === "SourceFailed")
      assert.strictEqual(failed.error.reason.kind, "Failed")
      const heardMs = yield* gone.position
      assert.isAbove(heardMs, 1_000)
      assert.isBelow(heardMs, 2_000)
      assert.deepStrictEqual(yield* back.awaitEnd, { _tag: "Finished" })
      assert.closeTo(yield* back.position, 3_010, 30)
      const { late, sent } = yield* back.metrics
      assert.deepStrictEqual([late, sent >= 150], [0, true])
      const events = (yield* Stream.runCollect(back.events)).map(({ _tag }) => _tag)
      assert.deepStrictEqual(events, ["Started", "Ended"])
      assert.strictEqual(server.ranges.at(-1), Math.floor(song.length / 2))
    }).pipe(Effect.scoped, Effect.provide(Rig.loopback())))
})
