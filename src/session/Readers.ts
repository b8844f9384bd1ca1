/**
 * Who reads the packets of a session, whatever connection they come from. A connection is only listened to while someone
 * reads and the bot is not deaf: without a listener, a connection decrypts no packets.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Audience from "../driver/Audience.ts"
import type * as Line from "../driver/Line.ts"
import type { Reader } from "../receive/Hub.ts"
import type { VoiceConnection } from "../VoiceDriver.ts"
import type * as VoiceError from "../VoiceError.ts"

/**
 * What readers need to know about their session.
 *
 * @category models
 * @since 0.1.0
 */
export interface Host {
  /** The current connection. */
  readonly connection: () => VoiceConnection | undefined
  /** Whether the bot is deaf, whoever reads. */
  readonly isDeaf: () => boolean
  /** Why there will be no further connection. */
  readonly over: () => VoiceError.VoiceError | undefined
}

/**
 * The readers of a session; none at first. `capacity` is how many packets are kept for a slow reader of {@link packets}.
 *
 * @category models
 * @since 0.1.0
 */
export class Readers {
  readonly #host: Host
  readonly #capacity: number
  /** Created for the first reader: most sessions have none. */
  #readers: Set<Reader> | undefined
  /** The fiber that listens to the current connection. */
  #listening: Fiber.Fiber<never> | undefined
  #dropped = 0

  constructor(host: Host, capacity: number) {
    this.#host = host
    this.#capacity = capacity
  }

  /** Receives packets as they arrive, until the scope closes. If the end has already come, it is reported at once. */
  read(reader: Reader): Effect.Effect<void, never, Scope.Scope> {
    return Effect.acquireRelease(
      Effect.suspend(() => {
        const readers = this.#readers ??= new Set()
        readers.add(reader)
        const over = this.#host.over()
        if (over !== undefined) reader.onOver(over)
        return readers.size === 1 ? this.listen() : this.reread
      }),
      () =>
        Effect.suspend(() =>
          this.#readers?.delete(reader) === true && this.#readers.size === 0
            ? this.listen()
            : this.reread
        )
    )
  }

  get packets(): Stream.Stream<Line.AudioPacket, VoiceError.VoiceError> {
    return Stream.unwrap(Effect.gen({ self: this }, function*() {
      const capacity = this.#capacity
      const queue = yield* Queue.make<Line.AudioPacket, VoiceError.VoiceError>({ capacity, strategy: "sliding" })
      yield* this.read({
        onPacket: (packet) => {
          if (Queue.sizeUnsafe(queue) >= capacity) this.#dropped++
          Queue.offerUnsafe(queue, packet)
        },
        only: () => undefined,
        onOver: (error) => void Queue.failCauseUnsafe(queue, Cause.fail(error))
      })
      return Stream.fromQueue(queue)
    }))
  }

  /** The packets that {@link packets} lost because they were not read in time. */
  packetsDropped(): number {
    return this.#dropped
  }

  /** Run when a reader wants to hear others than before. */
  get reread(): Effect.Effect<void> {
    return Effect.suspend(() => this.#host.connection()?.relisten ?? Effect.void)
  }

  /**
   * Starts listening to the current connection again, or stops: the connection has changed, someone reads now, or the bot is
   * deaf.
   */
  listen(): Effect.Effect<void> {
    return Effect.flatMap(Effect.context<never>(), (context) => {
      const connection = this.#host.connection()
      const readers = this.#readers
      if (connection === undefined || readers === undefined || readers.size === 0 || this.#host.isDeaf()) {
        return this.stop()
      }
      const hear = connection.listen(
        (packet) => {
          for (const reader of readers) reader.onPacket(packet)
        },
        // the users that the readers want to hear; `undefined` means everyone
        () => Audience.union(Array.from(readers, (reader) => () => reader.only()))
      )
      const former = this.#listening
      // started and stored in one step, as it is stopped: in between, another caller may start to listen or set deaf
      this.#listening = Effect.runForkWith(context)(Effect.scoped(Effect.andThen(hear, Effect.never)))
      former?.interruptUnsafe()
      return Effect.void
    })
  }

  /** Stops listening, until {@link listen} is called. */
  stop(): Effect.Effect<void> {
    const former = this.#listening
    this.#listening = undefined
    former?.interruptUnsafe()
    return former === undefined ? Effect.void : Effect.asVoid(Fiber.await(former))
  }

  /** There will be no further connection. */
  end(error: VoiceError.VoiceError): void {
    this.#readers?.forEach((reader) => reader.onOver(error))
  }
}
