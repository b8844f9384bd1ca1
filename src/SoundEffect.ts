/**
 * Effects on the sound of a track, which can be changed while it plays. They are plain records, as in a file of settings, and
 * are checked when they are given to `play` or `Track.setEffects`. They are applied in the order of their list, to what the
 * source gives, before the level.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as VoiceError from "./VoiceError.ts"

const between = (minimum: number, maximum: number) =>
  Schema.Finite.pipe(Schema.check(Schema.isBetween({ minimum, maximum })))

const or = <S extends Schema.Codec<number>>(schema: S, value: number) =>
  schema.pipe(Schema.withDecodingDefault(Effect.succeed(value)))

const hz = between(20, 20_000)

const share = between(0, 1)

/** The `q` of a filter without a peak (Butterworth). */
const flatQ = Math.SQRT1_2

/** How fast something swings, in Hz. */
const swing = (maximum: number) => between(0.01, maximum)

/**
 * A frequency band that is raised or lowered. `q` is how narrow it is: 1.41, the default, is an octave.
 *
 * @category models
 * @since 0.1.0
 */
export const Band = Schema.Struct({
  hz,
  /** -40 to 18 dB. */
  gainDb: between(-40, 18),
  /** 0.1 to 100. */
  q: or(between(0.1, 100), Math.SQRT2)
})

/**
 * @category models
 * @since 0.1.0
 */
export type Band = typeof Band.Encoded

/**
 * Raises and lowers frequency bands, 31 at most.
 *
 * @category models
 * @since 0.1.0
 */
export const Equalizer = Schema.Struct({
  _tag: Schema.tag("Equalizer"),
  bands: Schema.Array(Band).pipe(Schema.check(Schema.isMaxLength(31)))
})

/**
 * Removes what is above `hz`, 20 to 20000, by 12 dB an octave. A `q` above 0.71, up to 10, raises the frequencies near `hz`.
 *
 * @category models
 * @since 0.1.0
 */
export const LowPass = Schema.Struct({ _tag: Schema.tag("LowPass"), hz, q: or(between(0.1, 10), flatQ) })

/**
 * Removes what is below `hz`; otherwise like {@link LowPass}.
 *
 * @category models
 * @since 0.1.0
 */
export const HighPass = Schema.Struct({ _tag: Schema.tag("HighPass"), hz, q: or(between(0.1, 10), flatQ) })

/**
 * Swings the level between that of the source and `1 - depth` of it, `hz` times a second (0.01 to 100; default 2). Default
 * depth 0.5.
 *
 * @category models
 * @since 0.1.0
 */
export const Tremolo = Schema.Struct({ _tag: Schema.tag("Tremolo"), hz: or(swing(100), 2), depth: or(share, 0.5) })

/**
 * Swings the pitch `hz` times a second (0.01 to 14; default 2), by up to 0.63 `depth` `hz` percent. Default depth 0.5.
 *
 * @category models
 * @since 0.1.0
 */
export const Vibrato = Schema.Struct({ _tag: Schema.tag("Vibrato"), hz: or(swing(14), 2), depth: or(share, 0.5) })

/**
 * Moves the sound around the listener `hz` times a second: 0.01 to 20; default 0.2. In the middle it is 3 dB lower, so that
 * its power stays the same.
 *
 * @category models
 * @since 0.1.0
 */
export const Rotation = Schema.Struct({ _tag: Schema.tag("Rotation"), hz: or(swing(20), 0.2) })

/**
 * Removes what is the same on both sides, as most voices are, except for a band around `hz` (20 to 20000; default 220) that
 * is `width` wide (1 to 20000 Hz; default 100) and stays at `monoLevel`. `level` is how much is removed. Both levels are 0 to
 * 1; default 1.
 *
 * @category models
 * @since 0.1.0
 */
export const Karaoke = Schema.Struct({
  _tag: Schema.tag("Karaoke"),
  level: or(share, 1),
  monoLevel: or(share, 1),
  hz: or(hz, 220),
  width: or(between(1, 20_000), 100)
})

const part = between(-1, 1)

/**
 * Mixes the two sides: how much of each is heard on which side, -1 to 1. By default each stays on its own side.
 *
 * @category models
 * @since 0.1.0
 */
export const ChannelMix = Schema.Struct({
  _tag: Schema.tag("ChannelMix"),
  leftToLeft: or(part, 1),
  leftToRight: or(part, 0),
  rightToLeft: or(part, 0),
  rightToRight: or(part, 1)
})

/**
 * Distorts the waves, which adds overtones: the higher `driveDb` (0 to 48; default 12), the more. Soft sound becomes louder,
 * and full scale stays there. `mix` is how much of the result is heard, 0 to 1; default 1.
 *
 * @category models
 * @since 0.1.0
 */
export const Distortion = Schema.Struct({
  _tag: Schema.tag("Distortion"),
  driveDb: or(between(0, 48), 12),
  mix: or(share, 1)
})

/**
 * Repeats the sound after `delayMs` (1 to 2000; default 300) at `level` (0 to 1; default 0.5), and again after each further
 * delay, each time at `decay` of the time before (0 to 0.9; default 0.5).
 *
 * @category models
 * @since 0.1.0
 */
export const Echo = Schema.Struct({
  _tag: Schema.tag("Echo"),
  delayMs: or(between(1, 2_000), 300),
  level: or(share, 0.5),
  decay: or(between(0, 0.9), 0.5)
})

/**
 * Reduces the difference between soft and loud: the part of the level above `thresholdDb` (-60 to 0; default -24) is divided
 * by `ratio` (1 to 100; default 4), and everything is raised by `makeupDb` (0 to 24; default 0). A ratio of 100 with an
 * attack of 1 ms makes a limiter.
 *
 * @category models
 * @since 0.1.0
 */
export const Compressor = Schema.Struct({
  _tag: Schema.tag("Compressor"),
  thresholdDb: or(between(-60, 0), -24),
  ratio: or(between(1, 100), 4),
  /** How fast it starts to act, 0.1 to 500 ms; default 5. */
  attackMs: or(between(0.1, 500), 5),
  /** How fast it stops acting, 1 to 5000 ms; default 150. */
  releaseMs: or(between(1, 5_000), 150),
  makeupDb: or(between(0, 24), 0)
})

/**
 * Changes speed and pitch independently: each 0.5 to 2, default 1. A `pitch` of 2 is an octave higher. Both the same sound
 * like a record that is turned faster. It is applied before all other effects, wherever it stands in a list, and a list holds
 * at most one.
 *
 * @category models
 * @since 0.1.0
 */
export const Timescale = Schema.Struct({
  _tag: Schema.tag("Timescale"),
  speed: or(between(0.5, 2), 1),
  pitch: or(between(0.5, 2), 1)
})

/**
 * The schema of all effects, to check values from outside the program.
 *
 * @category models
 * @since 0.1.0
 */
export const SoundEffect = Schema.Union([
  Equalizer,
  LowPass,
  HighPass,
  Tremolo,
  Vibrato,
  Rotation,
  Karaoke,
  ChannelMix,
  Distortion,
  Echo,
  Compressor,
  Timescale
]).annotate({
  expected:
    "an effect whose _tag is Equalizer, LowPass, HighPass, Tremolo, Vibrato, Rotation, Karaoke, ChannelMix, Distortion, " +
    "Echo, Compressor or Timescale"
})

/** Each effect once or twice is a lot; an unbounded list would overload a machine. */
const most = 16

/**
 * An effect as a program writes it: fields with a default may be left out.
 *
 * @category models
 * @since 0.1.0
 */
export type SoundEffect = typeof SoundEffect.Encoded

/**
 * An effect with all its values.
 *
 * @category models
 * @since 0.1.0
 */
export type Complete = typeof SoundEffect.Type

/**
 * A list of effects, 16 at most, in the order in which they are applied.
 *
 * @category models
 * @since 0.1.0
 */
export const List = Schema.Array(SoundEffect).pipe(
  Schema.check(
    Schema.isMaxLength(most),
    Schema.makeFilter(
      (effects) => effects.filter(({ _tag }) => _tag === "Timescale").length <= 1,
      { expected: "at most one Timescale" }
    )
  )
)

// an unknown field, such as the `rate` of Lavalink's timescale, would be ignored silently
const decode = Schema.decodeUnknownResult(List, { onExcessProperty: "error" })
const issuesOf = SchemaIssue.makeFormatterStandardSchemaV1()

/**
 * Fills in what was left out. Fails with `Unsupported` for an unknown effect or property, and for a value that is out of
 * range or not a number.
 *
 * @category combinators
 * @since 0.1.0
 */
export const complete = (
  effects: ReadonlyArray<SoundEffect>
): Effect.Effect<ReadonlyArray<Complete>, VoiceError.VoiceError> =>
  Effect.suspend(() => {
    const decoded = decode(effects)
    if (Result.isSuccess(decoded)) return Effect.succeed(decoded.success)
    const [issue] = issuesOf(decoded.failure.issue).issues
    const { message = "something else", path = [] } = issue ?? {}
    const place = path.map((key) => String(typeof key === "object" ? key.key : key))
      .map((key) => /^\d+$/.test(key) ? `[${key}]` : `.${key}`).join("")
    const detail = `${message.charAt(0).toLowerCase()}${message.slice(1)}`
    return VoiceError.fail(
      new VoiceError.Unsupported({
        feature: "this list of sound effects",
        detail: place === "" ? detail : `${detail} at effects${place}`
      })
    )
  })

/**
 * How many milliseconds of a source are heard in one millisecond.
 *
 * @category combinators
 * @since 0.1.0
 */
export const speedOf = (effects: ReadonlyArray<Complete>): number =>
  effects.reduce((speed, effect) => effect._tag === "Timescale" ? speed * effect.speed : speed, 1)

/**
 * The centers of the bands of Lavalink's equalizer, in Hz. Each band is two thirds of an octave wide.
 *
 * @category constants
 * @since 0.1.0
 */
export const lavalinkHz: ReadonlyArray<number> = [
  25,
  40,
  63,
  100,
  160,
  250,
  400,
  630,
  1_000,
  1_600,
  2_500,
  4_000,
  6_300,
  10_000,
  16_000
]

const lavalinkQ = 2 ** (1 / 3) / (2 ** (2 / 3) - 1)

/** Below this, the gain of a band would not be a finite number of dB. */
const leastShare = 0.01

/**
 * An equalizer from Lavalink's gains, starting with its lowest band: -0.25 mutes a band (here, lowers it by 40 dB), 0 leaves
 * it unchanged, 0.25 doubles it, and 1 is the maximum. Bands that are left out are 0. Values beyond the limits become the
 * nearest limit.
 *
 * @category constructors
 * @since 0.1.0
 */
export const lavalinkEqualizer = (gains: ReadonlyArray<number>): typeof Equalizer.Encoded => ({
  _tag: "Equalizer",
  bands: lavalinkHz.flatMap((centre, i) => {
    const gain = gains[i] ?? 0
    if (gain === 0) return []
    const amplitude = Math.max(leastShare, Math.min(5, 1 + 4 * gain))
    // as wide as Lavalink's band, which is added to the rest there
    return [{ hz: centre, gainDb: 20 * Math.log10(amplitude), q: lavalinkQ / Math.sqrt(amplitude) }]
  })
})
