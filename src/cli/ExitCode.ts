/**
 * The exit code of a process that is interrupted (SIGINT, SIGTERM), which a command may set.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Runtime from "effect/Runtime"

/**
 * @category models
 * @since 0.1.0
 */
export interface WhenInterrupted {
  /** `undefined`: 130, as for any interrupted program. */
  code: number | undefined
}

/**
 * Set by a command before it ends, read by {@link teardown}.
 *
 * @category references
 * @since 0.1.0
 */
export const WhenInterrupted = Context.Reference<WhenInterrupted>("effect-discord-voice/cli/WhenInterrupted", {
  defaultValue: () => ({ code: undefined })
})

/**
 * The usual teardown, except for the exit code of an interruption.
 *
 * @category constructors
 * @since 0.1.0
 */
export const teardown = (whenInterrupted: WhenInterrupted): Runtime.Teardown => (exit, onExit) =>
  Runtime.defaultTeardown(exit, (code) => onExit(code === 130 ? whenInterrupted.code ?? code : code))
