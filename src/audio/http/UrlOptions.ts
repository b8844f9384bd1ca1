/**
 * How a URL is read. `AudioSource` gives this to users.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Schedule from "effect/Schedule"
import type { Addresses } from "./HttpAddress.ts"
import type { Fetch } from "./HttpFetch.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface UrlOptions {
  /** Default: the last part of the path. */
  readonly name?: string | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  /**
   * When to try again after a connection has failed, was cut, or has stalled, and after an answer of 408, 425, 429, 500, 502,
   * 503 or 504, but not before the time that such an answer names (`Retry-After`), and not at all where that is later than the track's
   * `starveTimeout`, or 30 seconds without a track. It begins anew once bytes have come. Default: after 200 ms, then twice as long each time up to 5 seconds, 8 times; but 3 times where
   * nothing has come yet and nobody is at the address, or whoever is there answers with an error.
   */
  readonly reconnect?: Schedule.Schedule<unknown, unknown> | undefined
  /** How long an answer, or the next bytes, may take before the connection is replaced. Default 10 seconds. */
  readonly stallTimeout?: Duration.Input | undefined
  /**
   * It is a station: what is sent now is what is wanted, and one whose connection has ended, or whose answer is no sound any more,
   * is joined again, by `reconnect`.
   * Default: whether the server says so (`icy-` headers).
   */
  readonly live?: boolean | undefined
  /**
   * What it is asked with, each time: one that goes through a proxy, keeps cookies, or needs no network, for a test. What it rejects
   * with counts as a connection that has failed. HLS is fetched by ffmpeg. Default: Node's `fetch`.
   */
  readonly fetch?: Fetch | undefined
  /**
   * Which addresses may be connected to, for a URL of somebody who is not trusted: `"public"` for those of the internet alone
   * (`AudioSource.isPublicAddress`), or a function of address and port. It holds at each connection, for the address that is connected to: of
   * redirects, ranges, entries of playlists, and when a station is joined again. Another address is `AddressRefused`, and not tried
   * again. No proxy of the environment is gone through. Of HLS, ffmpeg is given all by this process.
   *
   * Over a `fetch` of your own it has no power: both together are `Unsupported`. Such a `fetch` has to refuse addresses itself, where it
   * connects: a look at the URL, or a lookup before, is not enough.
   * Default `"any"`.
   */
  readonly addresses?: Addresses | undefined
}
