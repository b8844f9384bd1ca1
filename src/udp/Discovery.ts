/**
 * IP discovery on one socket: asks the server repeatedly for the address that it sees us at, until it answers.
 *
 * @since 0.1.0
 */
import type * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import type { Ssrc } from "../protocol/Identifier.ts"
import * as IpDiscovery from "../protocol/IpDiscovery.ts"
import type { DatagramSocket } from "../Transport.ts"
import * as VoiceError from "../VoiceError.ts"

/**
 * One end of a socket.
 *
 * @category models
 * @since 0.1.0
 */
export interface Address {
  readonly address: string
  readonly port: number
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly socket: Pick<DatagramSocket, "send">
  readonly clock: Clock.Clock
  /** The server's address. */
  readonly remote: Address
  readonly ssrc: Ssrc
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Discovery {
  /** Our address. Asks 10 times, 1 second apart, and then fails with `DiscoveryUnanswered`. */
  readonly discover: Effect.Effect<Address, VoiceError.VoiceError>
  /** Takes a discovery datagram. Returns whether it answers the current request: type, length and SSRC are checked. */
  readonly onDatagram: (datagram: Uint8Array) => boolean
}

const tries = 10
const interval = Duration.seconds(1)

class Asking implements Discovery {
  readonly #options: Options
  /** Those who wait for an answer: usually one, once. */
  #asking: Set<Deferred.Deferred<Address>> | undefined = undefined

  constructor(options: Options) {
    this.#options = options
  }

  get discover(): Effect.Effect<Address, VoiceError.VoiceError> {
    const { clock, remote, socket, ssrc } = this.#options
    return Effect.gen({ self: this }, function*() {
      const request = IpDiscovery.encodeRequest(ssrc)
      const startedAt = clock.monotonicTimeNanosUnsafe()
      const discovered = yield* Effect.acquireRelease(
        Effect.sync(() => {
          const discovered = Deferred.makeUnsafe<Address>()
          this.#asking ??= new Set()
          this.#asking.add(discovered)
          return discovered
        }),
        (discovered) =>
          Effect.sync(() => {
            this.#asking?.delete(discovered)
            if (this.#asking?.size === 0) this.#asking = undefined
          })
      )
      const unanswered = Effect.suspend(() =>
        VoiceError.fail(
          new VoiceError.DiscoveryUnanswered({
            address: remote.address,
            port: remote.port,
            tries,
            elapsedMs: Number(clock.monotonicTimeNanosUnsafe() - startedAt) / 1e6
          })
        )
      )
      const requests = Effect.sync(() => socket.send(request, request.length)).pipe(
        Effect.repeat(Schedule.spaced(interval).pipe(Schedule.upTo({ times: tries - 1 }))),
        Effect.andThen(Effect.sleep(interval)),
        Effect.andThen(unanswered)
      )
      return yield* Effect.raceFirst(Deferred.await(discovered), requests)
    }).pipe(Effect.scoped)
  }

  onDatagram(datagram: Uint8Array): boolean {
    const decoded = IpDiscovery.decodeResponse(datagram, "74")
    if (this.#asking === undefined || Result.isFailure(decoded)) return false
    const { address, port, ssrc } = decoded.success
    if (ssrc !== this.#options.ssrc) return false
    for (const discovered of this.#asking) Deferred.doneUnsafe(discovered, Exit.succeed({ address, port }))
    return true
  }
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Discovery => new Asking(options)
