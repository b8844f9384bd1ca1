/**
 * Runs effects from the callbacks of other libraries.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { Obstacle } from "../VoiceError.ts"
import type { ObstacleOptions } from "./Options.ts"
import * as Sending from "./Sending.ts"
import type { Gateway } from "./Service.ts"

const isObstacle = Schema.is(Obstacle)

/**
 * @category models
 * @since 0.1.0
 */
export type Run = (effect: Effect.Effect<void>) => void

/**
 * Runs effects at once, in the order of the calls; they must be synchronous. The calling library never sees a failure: a
 * defect is logged as an error that begins with `what`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeRun = (what: string): Effect.Effect<Run, never, Scope.Scope> =>
  Effect.map(Effect.map(Effect.context<Scope.Scope>(), Context.omit(Scope.Scope)), (context) => (effect) => {
    const exit = Effect.runSyncExitWith(context)(effect)
    if (Exit.isFailure(exit)) Effect.runForkWith(context)(Effect.logError(what, exit.cause))
  })

/**
 * Registers a listener with a library until the scope closes: `begin` registers it, and returns the function that ends that.
 * If either throws, it is logged with this description. Returns whether registration succeeded.
 *
 * @category constructors
 * @since 0.1.0
 */
export const listen = (
  begin: () => () => void,
  threw: { readonly begin: string; readonly end: string }
): Effect.Effect<boolean, never, Scope.Scope> => {
  const attempt = <A>(f: () => A, said: string) =>
    Effect.try({ try: f, catch: (thrown) => `${said}: ${Sending.describe(thrown)}` }).pipe(
      Effect.catch((message) => Effect.as(Effect.logWarning(message), undefined))
    )
  return Effect.acquireRelease(
    attempt(() => ({ end: begin() }), threw.begin),
    (begun) => attempt(() => begun?.end(), threw.end)
  ).pipe(Effect.map((begun) => begun !== undefined))
}

/**
 * The library's knowledge of obstacles, for the service. If it throws, that is logged, and counts as no obstacle.
 *
 * @category constructors
 * @since 0.1.0
 */
export const obstacle = ({ obstacle }: ObstacleOptions): Pick<Gateway["Service"], "obstacle"> =>
  obstacle === undefined ? {} : {
    obstacle: (guildId, channelId) =>
      Effect.suspend(() => {
        // a library in plain JavaScript may return anything
        const found: unknown = obstacle(guildId, channelId)
        return found === undefined || isObstacle(found)
          ? Effect.succeed(found)
          : Effect.as(
            Effect.logWarning(`The gateway's option \`obstacle\` returned ${String(found)}, which is not an obstacle`),
            undefined
          )
      }).pipe(
        Effect.catchCause((cause) =>
          Effect.as(Effect.logWarning("The gateway's option `obstacle` threw", cause), undefined)
        )
      )
  }
