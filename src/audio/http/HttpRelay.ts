/**
 * A local server through which ffmpeg fetches HLS. On its own, ffmpeg would connect to any address that a playlist names. It
 * is allowed to speak HTTP to this server only, which is the proxy for all of its requests, and rewrites the addresses in
 * playlists to its own. The server fetches them with a `fetch` that knows which addresses may be connected to.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Http from "node:http"
import type { AddressInfo } from "node:net"
import { pipeline } from "node:stream/promises"
import type { VoiceError } from "../../VoiceError.ts"
import * as ByteSource from "../ByteSource.ts"
import * as Playlist from "../format/Playlist.ts"
import * as HttpAddress from "./HttpAddress.ts"
import { type Fetch, type FetchReader, headersOf } from "./HttpFetch.ts"
import * as HttpUrl from "./HttpUrl.ts"
import * as SealedText from "./SealedText.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Relay {
  /** Where ffmpeg finds the playlist. */
  readonly url: URL
  /** The environment that ffmpeg is run with. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Whether something was requested at an address that may not be connected to. */
  readonly hasRefused: () => boolean
}

/** A playlist of a day in pieces of two seconds, with long names. */
const maxPlaylistBytes = 16 * 1024 * 1024

/** ffmpeg has room for 4096 bytes of a URL. */
const [maxUrl, maxLast] = [2_500, 64]

const mark = Buffer.from("#EXTM3U")

const utf8 = new TextDecoder()

/** A data URL needs no request, but also passes through here, since it may be a playlist. */
const dataOf = (text: string): URL | undefined => /^data:/i.test(text) && URL.canParse(text) ? new URL(text) : undefined

/** The headers that are passed on; none that identifies the server or says how it speaks. */
const passedOn = ["content-type", "content-length", "content-range"]

/**
 * Rewrites what ffmpeg reads in a playlist: each line that is an address, and each address in quotes, is replaced by `to`. A
 * line that contains another address is left out.
 *
 * @category codecs
 * @since 0.1.0
 */
export const rewrite = (text: string, to: (location: string) => string): string => {
  const quoted = /(^|[:,])(\s*[A-Z-]*URI=)"([^"]*)"/g
  return text.split(/[\0\r\n]+/).flatMap((whole) => {
    const line = whole.trim()
    if (line === "") return []
    if (!line.startsWith("#")) return [to(line)]
    const rest = line.replaceAll(quoted, "")
    return /URI\s*=/i.test(rest)
      ? []
      : [
        line.replaceAll(
          quoted,
          (_, before: string, name: string, location: string) => `${before}${name}"${to(location)}"`
        )
      ]
  }).join("\n") + "\n"
}

/**
 * Listens on loopback until the scope closes. `headersTo` returns the headers for an address. Fails with `Failed` if it
 * cannot listen.
 *
 * @category constructors
 * @since 0.1.0
 */
export const open = (
  url: URL,
  name: string,
  { ask, headersTo }: {
    readonly ask: Fetch
    readonly headersTo: (url: URL) => Readonly<Record<string, string>> | undefined
  }
): Effect.Effect<Relay, VoiceError, Scope.Scope> =>
  Effect.gen(function*() {
    // other programs on this machine, and pages in a browser there, cannot forge its addresses
    const { open, seal } = SealedText.make()
    let origin = ""
    let hasRefused = false

    /** Keeps the last part of the path, since ffmpeg judges the content by its extension. */
    const ours = (target: URL): string => {
      const last = target.protocol === "data:" ? "" : target.pathname.split("/").at(-1)?.slice(-maxLast)
      return `${origin}/${seal(target.href)}/${last === "" ? "stream" : last}`
    }

    const location = (base: URL) => (text: string): string => {
      const target = dataOf(text) ?? Playlist.resolve({ location: text, title: undefined }, base)
      return target === undefined || target.href.length > maxUrl ? `${origin}/none` : ours(target)
    }

    /** The URL that a request to this server is about, sent as to a proxy or as to a server. */
    const targetOf = (asked: string): URL | undefined => {
      const path = asked.startsWith(origin) ? asked.slice(origin.length) : asked
      const [, sealed = ""] = path.split("/")
      const text = open(sealed)
      return text === undefined ? undefined : dataOf(text) ?? HttpUrl.parse(text)
    }

    const answer = async (request: Http.IncomingMessage, response: Http.ServerResponse): Promise<void> => {
      const asked = request.method === "GET" ? targetOf(request.url ?? "") : undefined
      if (asked === undefined) return void response.writeHead(403).end()
      const { authorization, target } = HttpUrl.split(asked)
      const controller = new AbortController()
      response.on("close", () => controller.abort())
      const [, start = "0", last = ""] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "") ?? []
      const found = await ask(target.href, {
        headers: headersOf({
          headers: headersTo(asked),
          authorization,
          start: Number(start),
          end: last === "" ? undefined : Number(last) + 1,
          metadata: false,
          validator: undefined
        }),
        signal: controller.signal,
        redirect: "follow"
      })
      const body: FetchReader | undefined = found.body?.getReader()
      const read = async (): Promise<Uint8Array | undefined> => {
        const piece = await body?.read()
        return piece === undefined || piece.done ? undefined : piece.value
      }
      let first: Uint8Array = new Uint8Array(0)
      while (first.length < mark.length) {
        const piece = await read()
        if (piece === undefined) break
        first = new Uint8Array(Buffer.concat([first, piece]))
      }
      if (mark.equals(first.subarray(0, mark.length))) {
        const parts = [first]
        let size = first.length
        for (let piece = await read(); piece !== undefined; piece = await read()) {
          parts.push(piece)
          size += piece.length
          if (size > maxPlaylistBytes) return void response.destroy()
        }
        const text = rewrite(utf8.decode(Buffer.concat(parts)), location(HttpUrl.reached(asked, found.url)))
        return void response.writeHead(200, { "content-type": "application/vnd.apple.mpegurl" }).end(text)
      }
      const said = passedOn.flatMap((header) => {
        const value = found.headers.get(header)
        return value === null ? [] : [[header, value] as const]
      })
      // the length of a compressed answer is not known
      const isEncoded = found.headers.get("content-encoding") !== null
      response.writeHead(found.status, Object.fromEntries(isEncoded ? said.slice(0, 1) : said))
      const pieces = async function*() {
        let last: Uint8Array = new Uint8Array(0)
        for (let piece: Uint8Array | undefined = first; piece !== undefined; piece = await read()) {
          const seen = Buffer.concat([last, piece])
          // ffmpeg also looks after an ID3 tag, where the content has not been rewritten
          if (seen.includes(mark)) throw new Error("there is a playlist after other content")
          last = seen.subarray(-mark.length)
          if (piece.length > 0) yield piece
        }
      }
      await pipeline(pieces, response)
    }

    // an import of this module would evaluate all of its exports, and one of them loads Node's undici: 30 ms and 13 MB
    const { createServer } = process.getBuiltinModule("node:http")
    const server = createServer((request, response) => {
      answer(request, response).catch((cause: unknown) => {
        hasRefused ||= HttpAddress.isRefused(cause)
        if (response.headersSent || response.destroyed) response.destroy()
        else response.writeHead(HttpAddress.isRefused(cause) ? 403 : 502).end()
      })
    })
    // ffmpeg requests HTTP only
    server.on("connect", (_, socket) => socket.destroy())
    server.on("upgrade", (_, socket) => socket.destroy())
    yield* Effect.acquireRelease(
      Effect.callback<void, VoiceError>((resume) => {
        // later errors, of connections that cannot be accepted, would end the process if nothing listened for them
        server.on("error", (cause) =>
          resume(ByteSource.failure(name, "Failed", `HLS cannot be relayed: ${cause.message}`, { cause })))
        server.listen(0, "127.0.0.1", () =>
          resume(Effect.void))
      }),
      () =>
        Effect.callback<void>((resume) => {
          server.closeAllConnections()
          server.close(() => resume(Effect.void))
        })
    )
    // a server that listens on TCP has an address of this type
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const others = Object.entries(process.env).filter(([key]) => !/^(?:http|https|all|no)_proxy$/i.test(key))
    return {
      url: new URL(ours(url)),
      env: { ...Object.fromEntries(others), http_proxy: origin },
      hasRefused: () => hasRefused
    }
  })
