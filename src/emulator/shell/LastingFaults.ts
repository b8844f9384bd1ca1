/**
 * The faults that last: rules for messages and datagrams, and schedules of faults. Each ends with the scope in which it was
 * started.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { UserId } from "../../protocol/Identifier.ts"
import type { Fault } from "../core/CoreContext.ts"
import type { DatagramFaults, What, When } from "../core/faults/FaultRules.ts"
import * as FaultRules from "../core/faults/FaultRules.ts"
import type { DrawOptions, Schedule } from "../core/faults/FaultSchedule.ts"
import * as FaultSchedule from "../core/faults/FaultSchedule.ts"
import type { Driver } from "./Driver.ts"
import type { EmulatorError } from "./EmulatorError.ts"
import * as FaultOptions from "./FaultOptions.ts"
import * as FaultPlayer from "./FaultPlayer.ts"
import * as FaultRule from "./FaultRule.ts"
import type { Names } from "./Names.ts"

/**
 * The faults that last. Each ends with the scope in which it was started.
 *
 * @category models
 * @since 0.1.0
 */
export interface LastingFaults {
  /**
   * Asks a function about every message and datagram (see `FaultSubject`) until the scope closes. It runs inside the emulator,
   * so it has to be pure, or at least fast.
   */
  readonly add: (fault: Fault) => Effect.Effect<void, never, Scope.Scope>
  /**
   * Does something to every message or datagram that matches, or to the nth one. If several faults match one message, all of
   * them count it: their delays add up, and of their other actions only the first is carried out.
   */
  readonly when: (when: When, what: What) => Effect.Effect<FaultRule.FaultRule, EmulatorError, Scope.Scope>

  /** Stops acknowledging the heartbeats of a user, on one of its two connections. */
  readonly ignoreHeartbeats: (
    user: string,
    on: "voice" | "gateway"
  ) => Effect.Effect<FaultRule.FaultRule, EmulatorError, Scope.Scope>

  /** Loses, corrupts, repeats, reorders or delays datagrams of a user, at random from the emulator's seed. */
  readonly datagrams: (
    user: string,
    options: DatagramFaults
  ) => Effect.Effect<FaultRule.FaultRule, EmulatorError, Scope.Scope>
  /** Stops answering the IP discovery of a user, or only from the nth request on (`from`, counted from 1). */
  readonly silenceDiscovery: (
    user: string,
    options?: { readonly from?: number | undefined }
  ) => Effect.Effect<FaultRule.FaultRule, EmulatorError, Scope.Scope>

  /** Loses the next VOICE_SERVER_UPDATE to a user, or the next few. */
  readonly loseServerUpdate: (
    user: string,
    options?: { readonly times?: number | undefined }
  ) => Effect.Effect<FaultRule.FaultRule, EmulatorError, Scope.Scope>
  /** Delays VOICE_STATE_UPDATE and VOICE_SERVER_UPDATE to a user, in milliseconds. */
  readonly delayEvents: (
    user: string,
    delayMs: number
  ) => Effect.Effect<FaultRule.FaultRule, EmulatorError, Scope.Scope>

  /** Draws a schedule from a seed (`FaultSchedule.draw`) and plays it. */
  readonly random: (options: DrawOptions) => Effect.Effect<FaultPlayer.Playing, EmulatorError, Scope.Scope>
  /** Plays a schedule from now on, as time passes. */
  readonly play: (schedule: Schedule) => Effect.Effect<FaultPlayer.Playing, EmulatorError, Scope.Scope>
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (driver: Driver, users: Pick<Names<{ readonly id: UserId }>, "find">): LastingFaults => {
  const when: LastingFaults["when"] = Effect.fnUntraced(function*(rule, what) {
    yield* FaultOptions.check(...FaultOptions.rule(rule, what))
    const id = rule.user === undefined ? undefined : (yield* users.find(rule.user)).id
    return yield* FaultRule.make(driver, (onHit) => FaultRules.make(rule, id, what, onHit))
  })

  const play: LastingFaults["play"] = Effect.fnUntraced(function*(schedule) {
    yield* FaultOptions.check(...FaultOptions.schedule(schedule))
    const steps = yield* Effect.forEach(
      schedule,
      (step) => Effect.map(users.find(step.incident.user), ({ id }) => ({ step, userId: id }))
    )
    return yield* FaultPlayer.make(driver, steps)
  })

  return {
    when,
    play,
    random: Effect.fnUntraced(function*(options) {
      yield* FaultOptions.check(
        ...FaultOptions.number("meanIntervalMs", options.meanIntervalMs, 1),
        ...FaultOptions.number("durationMs", options.durationMs, 0)
      )
      return yield* play(FaultSchedule.draw(options))
    }),
    ignoreHeartbeats: (user, on) => when({ user, ...FaultRules.acknowledgements(on) }, "drop"),
    datagrams: Effect.fnUntraced(function*(user, options) {
      yield* FaultOptions.check(...FaultOptions.datagrams(options))
      const { id } = yield* users.find(user)
      return yield* FaultRule.make(driver, (onHit) => FaultRules.makeDatagrams(options, id, onHit))
    }),
    silenceDiscovery: (user, { from } = {}) => when({ user, ...FaultRules.discoveryAnswers(from) }, "drop"),
    loseServerUpdate: (user, { times = 1 } = {}) =>
      Effect.andThen(
        FaultOptions.check(...FaultOptions.number("times", times, 1, { whole: true })),
        when({ user, ...FaultRules.serverUpdates, to: times }, "drop")
      ),
    delayEvents: (user, delayMs) => when({ user, ...FaultRules.voiceEvents }, { delayMs }),
    add: (fault) =>
      Effect.asVoid(Effect.acquireRelease(
        driver.call((core) => core.addFault(fault)),
        (remove) => Effect.sync(() => driver.run(remove))
      ))
  }
}
