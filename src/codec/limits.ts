/**
 * The limits of Opus, checked before a library is called, so that both libraries refuse the same values with the same
 * messages.
 *
 * @since 0.1.0
 */
import { applications, bandwidths, signals } from "./controls.ts"
import type { EncoderOptions, EncoderSettings } from "./options.ts"

/**
 * The sample rate of Opus, in hertz.
 *
 * @internal
 */
export const sampleRate = 48_000

/**
 * 2.5 ms, the unit of durations in Opus, in samples a channel.
 *
 * @internal
 */
export const unitSamples = 120

/**
 * 120 ms, the longest packet, in samples a channel (RFC 6716, 3.2.5).
 *
 * @internal
 */
export const maxPacketSamples = 5760

/**
 * More than 48 frames of 1275 bytes, the most that a packet can hold (RFC 6716, 3.2.5).
 *
 * @internal
 */
export const maxPacketBytes = 61_440

/**
 * The frames that an encoder takes: 2.5, 5, 10, 20, 40 and 60 ms, in samples per channel.
 *
 * @internal
 */
export const frameSamples: ReadonlyArray<number> = [120, 240, 480, 960, 1920, 2880]

/** The sample rates that Opus decodes to, in hertz. */
const rates: ReadonlyArray<number> = [8_000, 12_000, 16_000, 24_000, 48_000]

const isIntegerBetween = (value: number, minimum: number, maximum: number): boolean =>
  Number.isInteger(value) && value >= minimum && value <= maximum

/**
 * Says what is wrong with a bitrate, or returns `undefined`; the functions below do the same for other values.
 *
 * @internal
 */
export const bitrateProblem = (bitsPerSecond: number): string | undefined =>
  isIntegerBetween(bitsPerSecond, 500, 512_000)
    ? undefined
    : `the bitrate is ${bitsPerSecond}, not an integer from 500 to 512000`

/** @internal */
export const lossProblem = (percent: number): string | undefined =>
  isIntegerBetween(percent, 0, 100) ? undefined : `the expected loss is ${percent}, not an integer from 0 to 100`

/** @internal */
export const complexityProblem = (complexity: number): string | undefined =>
  isIntegerBetween(complexity, 0, 10) ? undefined : `the complexity is ${complexity}, not an integer from 0 to 10`

/** @internal */
export const channelsProblem = (channels: number): string | undefined =>
  isIntegerBetween(channels, 1, 2) ? undefined : `there are ${channels} channels, not 1 or 2`

/** @internal */
export const rateProblem = (rate: number): string | undefined =>
  rates.includes(rate) ? undefined : `the rate is ${rate}, not one of ${rates.join(", ")}`

/** a program in plain JavaScript may pass anything */
const flagProblem = (name: string, flag: unknown): string | undefined =>
  flag === undefined || typeof flag === "boolean" ? undefined : `${name} is ${String(flag)}, not true or false`

const nameProblem = (what: string, value: unknown, names: object): string | undefined =>
  value === undefined || (typeof value === "string" && Object.hasOwn(names, value))
    ? undefined
    : `the ${what} is ${String(value)}, not one of ${Object.keys(names).join(", ")}`

/** @internal */
export const optionsProblem = (options: EncoderOptions): string | undefined =>
  (options.channels === undefined ? undefined : channelsProblem(options.channels))
    ?? (options.bitrate === undefined ? undefined : bitrateProblem(options.bitrate))
    ?? (options.complexity === undefined ? undefined : complexityProblem(options.complexity))
    ?? (options.expectedLossPercent === undefined ? undefined : lossProblem(options.expectedLossPercent))
    ?? flagProblem("fec", options.fec)
    ?? flagProblem("dtx", options.dtx)
    ?? nameProblem("application", options.application, applications)
    ?? nameProblem("bandwidth", options.bandwidth, bandwidths)
    ?? nameProblem("signal", options.signal, signals)

/** @internal */
export const settingsProblem = ({ bitrate, ...others }: EncoderSettings): string | undefined =>
  optionsProblem(bitrate === "auto" ? others : { ...others, bitrate })

/** @internal */
export const frameProblem = (samples: number, channels: number): string | undefined =>
  frameSamples.includes(samples / channels)
    ? undefined
    : `the frame has ${samples} samples for ${channels} channel(s), not one of ${frameSamples.join(", ")} per channel`

/** @internal */
export const gapProblem = (samples: number): string | undefined =>
  isIntegerBetween(samples, unitSamples, maxPacketSamples) && samples % unitSamples === 0
    ? undefined
    : `the gap has ${samples} samples, not a multiple of ${unitSamples} up to ${maxPacketSamples}`

/** @internal */
export const packetProblem = (bytes: number): string | undefined =>
  isIntegerBetween(bytes, 1, maxPacketBytes) ? undefined : `the packet has ${bytes} bytes, not 1 to ${maxPacketBytes}`
