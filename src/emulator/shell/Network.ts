/**
 * Simulates a bad network: a list of deliveries in the order of their due times, carried out by one fiber and never by the
 * sender. Without latency a delivery is due immediately, and deliveries happen in the order of sending. Random decisions come
 * from a seed.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Random } from "../core/CoreContext.ts"
import { make as makeRandom } from "../core/Random.ts"
import * as DueTimes from "./DueTimes.ts"

/**
 * How the network treats WebSockets and datagrams, in both directions. Times are in milliseconds, probabilities in [0, 1].
 * Default: everything arrives once, immediately and in order.
 *
 * @category models
 * @since 0.1.0
 */
export interface NetworkOptions {
  /** The one-way latency. Default 0. */
  readonly latencyMs?: number | undefined
  /** The maximum of a uniformly distributed addition to the latency. It does not reorder datagrams. Default 0. */
  readonly jitterMs?: number | undefined
  /** The probability that a datagram is lost. Default 0. */
  readonly loss?: number | undefined
  /** The probability that a datagram arrives twice. Default 0. */
  readonly duplicate?: number | undefined
  /** The probability that a datagram is held back, so that later ones overtake it. Default 0. */
  readonly reorder?: number | undefined
  /** How long a datagram is held back. Default 40: two frames of 20 ms. */
  readonly reorderMs?: number | undefined
}

/**
 * One direction between two ends. It preserves the order of what is sent through it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Lane {
  lastDueMs: number
  readonly dice: Random
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Network {
  readonly lane: () => Lane
  /** Delivers after the latency, and after everything that was sent through the lane before. */
  readonly reliable: (lane: Lane, deliver: () => void) => void
  /** Delivers like a datagram: perhaps never, perhaps twice, perhaps late. */
  readonly datagram: (lane: Lane, deliver: () => void) => void
  /**
   * Waits until nothing has been sent or delivered for a number of turns of the scheduler. Anything that has not reacted by
   * then waits for the clock, or for something outside the program. The "last" to settle also wait for the "first", and for
   * what these do next.
   */
  readonly settle: (turn: "first" | "last") => Effect.Effect<void>
}

/** One turn runs every fiber that is ready, so this is many steps of many fibers. */
const quietTurns = 32

interface Delivery {
  readonly dueMs: number
  readonly deliver: () => void
}

/** Used where nothing is random. */
const noDice: Random = { next: () => 0, int: () => 0, bytes: (length) => new Uint8Array(length) }

/**
 * No network: data has arrived before the sender continues.
 *
 * @category constructors
 * @since 0.1.0
 */
export const direct: Network = {
  lane: () => ({ lastDueMs: 0, dice: noDice }),
  reliable: (_, deliver) => deliver(),
  datagram: (_, deliver) => deliver(),
  settle: () => Effect.void
}

/**
 * The random source of a network. It is separate from the core's, so that a lost datagram does not change keys.
 *
 * @category constructors
 * @since 0.1.0
 */
export const diceOf = (seed: number): Random => makeRandom(seed ^ 0x5eed)

/**
 * Makes a network that works until the scope closes; what is under way then never arrives. Each lane asks for a random source.
 * All lanes may share one if the order in which lanes are used is deterministic.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(
  function*(options: NetworkOptions, dice: () => Random): Effect.fn.Return<Network, never, Scope.Scope> {
    const { duplicate = 0, jitterMs = 0, latencyMs = 0, loss = 0, reorder = 0, reorderMs = 40 } = options
    const time = yield* DueTimes.milliseconds
    // Sorted by due time, then by the order of sending. Nearly all additions go to the end.
    const waiting: Array<Delivery> = []

    let activity = 0
    let settling = 0

    const add = (dueMs: number, deliver: () => void) => {
      activity++
      let index = waiting.length
      for (let before = waiting[index - 1]; before !== undefined && before.dueMs > dueMs; before = waiting[index - 1]) {
        index--
      }
      waiting.splice(index, 0, { dueMs, deliver })
      dueTimes.poke()
    }
    const inOrder = (lane: Lane) => {
      const jitter = jitterMs > 0 ? lane.dice.next() * jitterMs : 0
      lane.lastDueMs = Math.max(lane.lastDueMs, time.now() + latencyMs + jitter)
      return lane.lastDueMs
    }
    const happens = (lane: Lane, chance: number) => chance > 0 && lane.dice.next() < chance

    const dueTimes = yield* DueTimes.make({
      time,
      nextDueMs: () => waiting[0]?.dueMs,
      runDue: () => {
        const now = time.now()
        for (let first = waiting[0]; first !== undefined && first.dueMs <= now; first = waiting[0]) {
          waiting.shift()
          activity++
          first.deliver()
        }
      }
    })

    const quiet = Effect.fnUntraced(function*(othersAreQuiet: () => boolean) {
      for (let turns = 0, seen = activity; turns < quietTurns; turns++) {
        yield* Effect.yieldNow
        if (seen === activity && othersAreQuiet()) continue
        seen = activity
        turns = 0
      }
    })

    return {
      lane: () => ({ lastDueMs: 0, dice: dice() }),
      reliable: (lane, deliver) => add(inOrder(lane), deliver),
      datagram: (lane, deliver) => {
        if (happens(lane, loss)) return
        const copies = happens(lane, duplicate) ? 2 : 1
        for (let copy = 0; copy < copies; copy++) {
          if (happens(lane, reorder)) add(time.now() + latencyMs + reorderMs, deliver)
          else add(inOrder(lane), deliver)
        }
      },
      settle: (turn) =>
        turn === "last" ? quiet(() => settling === 0) : Effect.acquireUseRelease(
          Effect.sync(() => settling++),
          () => quiet(() => true),
          () =>
            Effect.sync(() => {
              settling--
              activity++
            })
        )
    }
  }
)
