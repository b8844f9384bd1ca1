import { Effect, type Scope } from "effect"
import { readFileSync } from "node:fs"
import * as Http from "node:http"
import { listen } from "./listening.ts"

export const song = readFileSync(new URL("files/chirp.opus.ogg", import.meta.url))

/** How a server behaves. */
interface Conduct {
  body: Buffer
  /** The bodies of the first responses, in turn; after those, `body` is sent. */
  bodies: Array<Buffer>
  ranges: boolean
  etag: string | undefined
  /**
   * How many bytes of each response are sent, in turn, before its connection is cut or stalls. Later responses are
   * complete.
   */
  cuts: Array<number>
  atCut: "drop" | "stall"
  status: Array<number>
  lengths: boolean
  headers: Record<string, string>
  /** The most bytes in one response to a range. */
  most: number
  /** Whether a response to a conditional request repeats the validator. */
  isRepeated: boolean
  /** Whether a partial response states the total size. */
  sizes: boolean
}

interface Server {
  readonly url: string
  readonly conduct: Conduct
  /** The ranges that were requested. */
  readonly asked: Array<string>
  readonly authorizations: Array<string | undefined>
  /** The number of responses that are still open. */
  readonly open: () => number
}

/** Runs after some turns of the event loop. By then, a reader in this process has read everything that was written. */
const afterTurns = (turns: number, run: () => void): void =>
  void setImmediate(() => turns === 0 ? run() : afterTurns(turns - 1, run))

export const serve = (conduct: Partial<Conduct>): Effect.Effect<Server, never, Scope.Scope> =>
  Effect.gen(function*() {
    const state: Conduct = {
      body: song,
      bodies: [],
      ranges: true,
      etag: "\"one\"",
      cuts: [],
      atCut: "drop",
      status: [],
      lengths: true,
      headers: {},
      most: Infinity,
      isRepeated: true,
      sizes: true,
      ...conduct
    }
    const asked: Array<string> = []
    const authorizations: Array<string | undefined> = []
    const server = Http.createServer((request, response) => {
      asked.push(request.headers.range ?? "")
      authorizations.push(request.headers.authorization)
      const status = state.status.shift()
      if (status !== undefined && status !== 200) return response.writeHead(status).end("no")
      const body = state.bodies.shift() ?? state.body
      const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "")
      const condition = request.headers["if-range"]
      const partial = state.ranges && range !== null && (condition === undefined || condition === state.etag)
      const start = partial ? Number(range[1]) : 0
      const end = partial && range[2] !== "" ? Number(range[2]) + 1 : body.length
      const part = body.subarray(start, Math.min(end, body.length, partial ? start + state.most : Infinity))
      if (partial && part.length === 0) return response.writeHead(416).end()
      response.writeHead(partial ? 206 : 200, {
        ...state.headers,
        ...(state.lengths ? { "content-length": part.length } : {}),
        ...(state.etag === undefined || (condition !== undefined && partial && !state.isRepeated)
          ? {}
          : { etag: state.etag }),
        ...(partial
          ? { "content-range": `bytes ${start}-${start + part.length - 1}/${state.sizes ? state.body.length : "*"}` }
          : {})
      })
      const cut = state.cuts.shift()
      if (cut === undefined || cut >= part.length) return response.end(part)
      response.write(part.subarray(0, cut), () => {
        if (state.atCut === "drop") afterTurns(20, () => response.destroy())
      })
    })
    const answers = new Set<unknown>()
    server.on("request", (_, response) => {
      answers.add(response)
      response.on("close", () => answers.delete(response))
    })
    const url = yield* listen(server)
    return {
      url: `${url}/music/a%20song.ogg?token=secret`,
      conduct: state,
      asked,
      authorizations,
      open: () => answers.size
    }
  })
