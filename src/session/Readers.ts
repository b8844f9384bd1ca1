/**
 * Who reads the packets of a session, by whatever connection they come. A connection is listened to while somebody reads and we are
 * not deaf, and no longer: one that nobody listens to opens no packet.
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
 * What they need to know of their session.
 *
 * @category models
 * @since 0.1.0
 */
export interface Host {
  /** That of the moment. */
  readonly connection: () => VoiceConnection | undefined
  /** Whether we want to hear nothing, whoever reads. */
  readonly isDeaf: () => boolean
  /** Why there will be no connection any more. */
  readonly over: () => VoiceError.VoiceError | undefined
}

/**
 * Nobody at first. `capacity` is how many packets are held for a slow reader of {@link packets}.
 *
 * @category models
 * @since 0.1.0
 */
export class Readers {
  readonly #host: Host
  readonly #capacity: number
  /** Is made when there is one: most sessions have none. */
  #readers: Set<Reader> | undefined
  /** Hears the connection of the moment. */
  #listening: Fiber.Fiber<never> | undefined
  #dropped = 0

  constructor(host: Host, capacity: number) {
    this.#host = host
    this.#capacity = capacity
  }

  /** Hears packets as they come, until the scope closes. An end that has come already is told at once. */
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

  /** Packets that {@link packets} lost because they were not read in time. */
  packetsDropped(): number {
    return this.#dropped
  }

  /** One of them wants to hear others than before. */
  get reread(): Effect.Effect<void> {
    return Effect.suspend(() => this.#host.connection()?.relisten ?? Effect.void)
  }

  /** Listens to the connection of the moment anew, or not any more: it is another one, or somebody reads now, or we are deaf. */
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
        // whom the readers want to hear; `undefined` is everybody
        () => Audience.union(Array.from(readers, (reader) => () => reader.only()))
      )
      const former = this.#listening
      // it is begun and known in one step, as it is stopped: between two, whoever else wants to hear or be deaf may come
      this.#listening = Effect.runForkWith(context)(Effect.scoped(Effect.andThen(hear, Effect.never)))
      former?.interruptUnsafe()
      return Effect.void
    })
  }

  /** Listens to nothing, until it is to be listened anew. */
  stop(): Effect.Effect<void> {
    const former = this.#listening
    this.#listening = undefined
    former?.interruptUnsafe()
    return former === undefined ? Effect.void : Effect.asVoid(Fiber.await(former))
  }

  /** There will be no connection any more. */
  end(error: VoiceError.VoiceError): void {
    this.#readers?.forEach((reader) => reader.onOver(error))
  }
}
