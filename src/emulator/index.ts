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
 * What can go wrong with the emulator itself.
 *
 * @since 0.1.0
 */
export * as EmulatorError from "./shell/EmulatorError.ts"

/**
 * Faults on a timetable, drawn from a seed.
 *
 * @since 0.1.0
 */
export * as FaultSchedule from "./core/faults/FaultSchedule.ts"

/**
 * Which Discord it is.
 *
 * @since 0.1.0
 */
export * as Profile from "./core/Profile.ts"
