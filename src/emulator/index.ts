/**
 * Discord for tests and local runs: see {@link Emulator}.
 *
 * @since 0.1.0
 */

/**
 * The emulator as a service.
 *
 * @since 0.1.0
 */
export * as Emulator from "./Emulator.ts"

/**
 * The errors of the emulator itself.
 *
 * @since 0.1.0
 */
export * as EmulatorError from "./shell/EmulatorError.ts"

/**
 * Schedules of faults, drawn from a seed.
 *
 * @since 0.1.0
 */
export * as FaultSchedule from "./core/faults/FaultSchedule.ts"

/**
 * Versions of Discord.
 *
 * @since 0.1.0
 */
export * as Profile from "./core/Profile.ts"
