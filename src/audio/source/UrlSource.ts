/**
 * Sound from a URL: its bytes, or what a playlist there names. Stations are joined again through the playlist, which may name
 * another place by then.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { VoiceError } from "../../VoiceError.ts"
import * as ByteSource from "../ByteSource.ts"
import * as Playlist from "../format/Playlist.ts"
import * as HttpAddress from "../http/HttpAddress.ts"
import * as HttpRelay from "../http/HttpRelay.ts"
import * as HttpSource from "../http/HttpSource.ts"
import * as HttpTrouble from "../http/HttpTrouble.ts"
import * as HttpUrl from "../http/HttpUrl.ts"
import * as Reconnect from "../http/Reconnect.ts"
import type { OpenSource } from "../OpenSource.ts"
import * as Container from "./Container.ts"
import type { ContainerOptions } from "./ContainerOptions.ts"
import * as Ffmpeg from "./Ffmpeg.ts"
import * as Head from "./Head.ts"

/**
 * The options of `AudioSource.fromUrl`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends HttpSource.UrlOptions, ContainerOptions {}

/** How deeply playlists may be nested. */
const maxDepth = 3

/** How many entries are tried in a round: playlists that name playlists could otherwise cause any number of requests. */
const maxTries = 16

const once = Schedule.recurs(0)

/** What to open, according to which schedule, and how many more entries may be tried on the way. */
interface Place {
  readonly url: string | URL
  readonly headers: Readonly<Record<string, string>> | undefined
  readonly opening: Schedule.Schedule<unknown, unknown>
  readonly depth: number
  readonly tries: { left: number } | undefined
  /** Something was heard there before, so the current tags are to be reported as a change. */
  readonly isAgain: boolean
}

/** Reads what is there, and whether it is a playlist. */
const peek = (bytes: HttpSource.HttpBytes) =>
  Effect.map(Head.peek(bytes), ([first, source]) => ({
    source,
    isPlaylist: Playlist.isPlaylist(first, bytes.contentType, bytes.url.pathname)
  }))

/** Runs an opening in a scope of its own, which is closed at once if it fails. */
const inScope = <A>(opening: Effect.Effect<A, VoiceError, Scope.Scope>): Effect.Effect<A, VoiceError, Scope.Scope> =>
  Effect.gen(function*() {
    const scope = yield* Scope.fork(yield* Effect.scope)
    return yield* opening.pipe(
      Scope.provide(scope),
      Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
    )
  })

const readAll = (source: ByteSource.ByteSource): Effect.Effect<Uint8Array, VoiceError> =>
  Effect.gen(function*() {
    const parts: Array<Uint8Array> = []
    for (let size = 0; size <= Playlist.maxBytes;) {
      const bytes = yield* source.next
      if (bytes === undefined) break
      parts.push(bytes)
      size += bytes.length
    }
    return new Uint8Array(Buffer.concat(parts))
  })

/**
 * How long a playlist may take. It is short, but each of its bytes may arrive just before the connection would count as dead.
 */
const patienceMs = 30_000

const inTime = <A>(name: string, reading: Effect.Effect<A, VoiceError>): Effect.Effect<A, VoiceError> =>
  Effect.timeoutOrElse(reading, {
    duration: patienceMs,
    orElse: () => ByteSource.failure(name, "Failed", `its playlist did not arrive within ${patienceMs / 1000} s`)
  })

const titled = (opened: OpenSource, title: string | undefined): OpenSource =>
  title === undefined || opened.tags["title"] !== undefined
    ? opened
    : { ...opened, tags: { ...opened.tags, title } }

/** The changes of the tags, beginning with the current ones. */
const withTags = ({ tagChanges, tags }: OpenSource): OpenSource["tagChanges"] =>
  tagChanges === undefined ? undefined : Stream.concat(Stream.succeed(tags), tagChanges)

const kindOf = ({ reason }: VoiceError) => reason._tag === "SourceFailed" ? reason.kind : "Failed"

const detailOf = ({ message, reason }: VoiceError) => reason._tag === "SourceFailed" ? reason.detail : message

/**
 * Opens what a URL, or the playlist there, names. Fails as {@link HttpSource.open} and {@link Container.open} do. Fails with
 * `Empty` or `Unsupported` if a playlist names nothing, or nothing of HTTP, and with the failure of an entry if none can be
 * opened.
 *
 * @category constructors
 * @since 0.1.0
 */
export const open = (url: string | URL, options: Options = {}): Effect.Effect<OpenSource, VoiceError, Scope.Scope> => {
  const name = HttpSource.name(url, options)
  const fallback = Ffmpeg.fallback(options.ffmpeg)
  const reconnect = options.reconnect ?? HttpTrouble.defaultReconnect

  const connect = ({ headers, opening, url }: Place) =>
    HttpSource.open(url, { ...options, name, headers, reconnect }, opening)

  /** The headers for an address that was reached through a place. */
  const headersTo = (url: URL, { headers, url: from }: Place) => {
    const asked = HttpUrl.parse(from)
    return asked === undefined ? undefined : HttpUrl.headersFor(asked, url, headers)
  }

  /** Reads the playlist that is there, or else the sound. */
  const read = (place: Place) =>
    Effect.gen(function*() {
      const scope = yield* Scope.fork(yield* Effect.scope)
      const bytes = yield* Scope.provide(connect(place), scope)
      const { isPlaylist, source } = yield* peek(bytes)
      if (!isPlaylist) {
        const opened = yield* Scope.provide(Container.open(source, fallback), scope)
        const tagChanges = bytes.tagChanges ?? (place.isAgain ? withTags(opened) : opened.tagChanges)
        return { opened: { ...opened, tags: { ...bytes.tags, ...opened.tags }, tagChanges } }
      }
      const playlist = Playlist.parse(yield* inTime(name, readAll(source)))
      yield* Scope.close(scope, Exit.void)
      return { playlist, base: bytes.url }
    })

  const openPlace = (place: Place): Effect.Effect<OpenSource, VoiceError, Scope.Scope> =>
    Effect.flatMap(read(place), ({ base, opened, playlist }) => {
      if (opened !== undefined) return Effect.succeed(opened)
      if (playlist.kind === "HLS") return openHls(playlist, base, place)
      const addresses = playlist.entries.flatMap((entry) => {
        const at = Playlist.resolve(entry, base)
        return at === undefined ? [] : [{ url: at, title: entry.title }]
      })
      const what = `it is a playlist (${playlist.kind})`
      if (playlist.entries.length === 0) return ByteSource.failure(name, "Empty", `${what} without entries`)
      if (addresses.length === 0) {
        return ByteSource.failure(name, "Unsupported", `${what} without http or https entries`)
      }
      if (place.depth >= maxDepth) {
        return ByteSource.failure(name, "Unsupported", `${what}, nested more than ${maxDepth} levels deep`)
      }
      const round = Effect.suspend(() => openOne(addresses, place, place.tries ?? { left: maxTries }))
      const isEnough = HttpTrouble.patience()
      // retries the round, not each entry: the next entry may be available
      return Effect.retry(round, {
        schedule: HttpTrouble.heeding(place.opening, (error: VoiceError) => error),
        while: (error: VoiceError) =>
          HttpTrouble.isPassing(error) &&
          !(place.opening === HttpTrouble.defaultReconnect && isEnough(HttpTrouble.vain.has(error)))
      })
    })

  /** Opens the first of the entries that can be opened. */
  const openOne = (
    addresses: ReadonlyArray<{ readonly url: URL; readonly title: string | undefined }>,
    place: Place,
    tries: { left: number }
  ): Effect.Effect<OpenSource, VoiceError, Scope.Scope> =>
    Effect.gen(function*() {
      let failure: VoiceError | undefined
      /** Whether all entries that another attempt might help with refuse. */
      let isVain = true
      /** The shortest time for which one of them wants to be left alone. */
      let pauseMs = Infinity
      let tried = 0
      let at = ""
      for (const { title, url } of addresses) {
        if (tries.left-- <= 0) break
        tried++
        const opening = inScope(openPlace({
          url,
          headers: headersTo(url, place),
          opening: once,
          depth: place.depth + 1,
          tries,
          isAgain: place.isAgain
        }))
        const opened = yield* Effect.catch(opening, (error) =>
          Effect.sync(() => {
            if (HttpTrouble.isPassing(error)) {
              if (!HttpTrouble.vain.has(error)) isVain = false
              pauseMs = Math.min(pauseMs, HttpTrouble.pauseMs(error))
            }
            // a failure that another attempt may fix is reported rather than one that it cannot
            if (failure !== undefined && HttpTrouble.isPassing(failure)) return undefined
            failure = error
            at = HttpUrl.nameOf(url)
            return undefined
          }))
        if (opened !== undefined) return titled(opened, title)
      }
      if (failure === undefined) {
        return yield* ByteSource.failure(name, "Failed", `its playlists contain more than ${maxTries} addresses`)
      }
      const many = tried === 1 ? "the entry" : `none of the ${tried} entries that were tried can be opened, for example`
      const error = ByteSource.failure(name, kindOf(failure), `${many} ${at}: ${detailOf(failure)}`, { cause: failure })
      if (HttpTrouble.isPassing(failure)) {
        HttpTrouble.passing.add(error)
        HttpTrouble.setPause(error, pauseMs)
        if (isVain) HttpTrouble.vain.add(error)
      }
      return yield* error
    })

  /** Whether one of the variants of a stream is live; false if that cannot be found out. */
  const isLive = (variants: ReadonlyArray<Playlist.Entry>, base: URL, place: Place) =>
    Effect.gen(function*() {
      const [first] = variants
      const url = first === undefined ? undefined : Playlist.resolve(first, base)
      if (url === undefined) return false
      const bytes = yield* connect({ ...place, url, headers: headersTo(url, place), opening: once })
      const playlist = Playlist.parse(yield* inTime(name, readAll(bytes)))
      return playlist.kind === "HLS" && !playlist.hasVariants && !playlist.isEnded
    }).pipe(Effect.scoped, Effect.orElseSucceed(() => false))

  const openHls = (playlist: Extract<Playlist.Playlist, { readonly kind: "HLS" }>, base: URL, place: Place) =>
    Effect.gen(function*() {
      const live = options.live ??
        (playlist.hasVariants ? yield* isLive(playlist.entries, base, place) : !playlist.isEnded)
      const { addresses, ffmpeg } = options
      if (!HttpAddress.isRule(addresses) || ffmpeg === false) {
        return yield* Ffmpeg.openHls(base, name, { ffmpeg, headers: headersTo(base, place), live })
      }
      const relay = yield* HttpRelay.open(base, name, {
        ask: HttpAddress.fetchOf(addresses),
        headersTo: (url) => headersTo(url, place)
      })
      /** Whether the station was heard: if it is joined again after a failure, one of its pieces may be refused. */
      let isOnAir = false
      const refused = <E>(error: E) =>
        relay.hasRefused() && !isOnAir && !Cause.isDone(error)
          ? ByteSource.failure(name, "AddressRefused", HttpAddress.refusal, { cause: error })
          : error
      const opened = yield* Effect.mapError(
        Ffmpeg.openHls(relay.url, name, { ffmpeg, headers: undefined, live, relay }),
        refused
      )
      const heard = Effect.sync(() => {
        isOnAir = live
      })
      return { ...opened, pull: Effect.mapError(Effect.tap(opened.pull, heard), refused) }
    })

  const openBy = (opening: Place["opening"], isAgain: boolean) =>
    openPlace({ url, headers: options.headers, opening, depth: 0, tries: undefined, isAgain })

  // one attempt at a time for a station that was heard: its schedule counts them
  return Reconnect.open(name, { first: openBy(reconnect, false), again: openBy(once, true) }, reconnect)
}

/**
 * An address that a playlist names.
 *
 * @category models
 * @since 0.1.0
 */
export interface PlaylistEntry {
  /**
   * The http or https URL. If the playlist names it by a relative address, it has the user and the password of the playlist's
   * address, if there are any: use it to open the entry, but do not display it.
   */
  readonly url: string
  /** The title, as the playlist has it. */
  readonly title: string | undefined
}

/**
 * Reads what the playlist at a URL names; `undefined` if there is no list of other addresses. Fails as
 * {@link HttpSource.open} does.
 *
 * @category constructors
 * @since 0.1.0
 */
export const entriesOf = (
  url: string | URL,
  options: HttpSource.UrlOptions = {}
): Effect.Effect<ReadonlyArray<PlaylistEntry> | undefined, VoiceError> =>
  Effect.gen(function*() {
    const bytes = yield* HttpSource.open(url, options)
    const reading = Effect.flatMap(
      peek(bytes),
      ({ isPlaylist, source }) => isPlaylist ? readAll(source) : Effect.undefined
    )
    const text = yield* inTime(bytes.name, reading)
    if (text === undefined) return undefined
    const playlist = Playlist.parse(text)
    // its entries are pieces of one stream
    if (playlist.kind === "HLS") return undefined
    return playlist.entries.flatMap((entry) => {
      const at = Playlist.resolve(entry, bytes.url)
      return at === undefined ? [] : [{ url: at.href, title: entry.title }]
    })
  }).pipe(Effect.scoped)
