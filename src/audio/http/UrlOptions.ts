/**
 * How a URL is read. Exported through `AudioSource`.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Schedule from "effect/Schedule"
import type { Addresses } from "./HttpAddress.ts"
import type { Fetch } from "./HttpFetch.ts"

/**
 * The HTTP options of `AudioSource.fromUrl`.
 *
 * @category models
 * @since 0.1.0
 */
export interface UrlOptions {
  /** The name for messages and displays. Default: the last part of the path. */
  readonly name?: string | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  /**
   * When to try again after a connection has failed, was cut, or has stalled, and after an answer of 408, 425, 429, 500, 502,
   * 503 or
   * 504. An attempt waits at least for the time that such an answer names (`Retry-After`); if that is longer than the track's
   *      `starveTimeout`, or 30 seconds without a track, there is no further attempt. The schedule starts over once bytes
   *      have arrived.
   *
   * Default: after 200 ms, then twice as long each time up to 5 seconds, 8 times; but only 3 times if nothing has arrived yet
   * and the address has no server, or the server answers with an error.
   */
  readonly reconnect?: Schedule.Schedule<unknown, unknown> | undefined
  /** How long an answer, or the next bytes, may take before the connection is replaced. Default 10 seconds. */
  readonly stallTimeout?: Duration.Input | undefined
  /**
   * Whether this is a station. It is then played from what it sends now, and joined again according to `reconnect` when its
   * connection has ended, or its answer is no longer sound. Default: whether the server says so (`icy-` headers).
   */
  readonly live?: boolean | undefined
  /**
   * The function that makes all requests, for example through a proxy, with cookies, or without a network in a test. A
   * rejection counts as a connection that has failed. HLS is fetched by ffmpeg. Default: Node's `fetch`.
   */
  readonly fetch?: Fetch | undefined
  /**
   * Which addresses may be connected to, for a URL from someone who is not trusted: `"public"` for those of the public
   * internet only (`AudioSource.isPublicAddress`), or a function of address and port.
   *
   * It applies to each connection, and to the address that is connected to: for redirects, ranges, entries of playlists, and
   * when a station is joined again. Any other address fails with `AddressRefused`, and is not tried again. Proxies from the
   * environment are not used. For HLS, this process fetches everything for ffmpeg.
   *
   * It cannot control a `fetch` of your own: both options together fail with `Unsupported`. Such a `fetch` has to refuse
   * addresses itself, when it connects; looking at the URL, or looking up the name beforehand, is not enough. Default
   * `"any"`.
   */
  readonly addresses?: Addresses | undefined
}
