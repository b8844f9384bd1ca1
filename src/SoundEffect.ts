/**
 * Effects on the sound of a track that can be changed while it plays: plain records, such as what stands in a file of settings, that
 * are checked when they are given to `play` or `Track.setEffects`. They work in the order of their list, on what the source gives,
 * before the level.
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

/** A filter without a peak (Butterworth). */
const flatQ = Math.SQRT1_2

/** How fast something swings, in Hz. */
const swing = (maximum: number) => between(0.01, maximum)

/**
 * A part of the range that is raised or lowered. `q` is how narrow it is: 1.41, the default, is an octave.
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
 * Raises and lowers parts of the range, 31 at most.
 *
 * @category models
 * @since 0.1.0
 */
export const Equalizer = Schema.Struct({
  _tag: Schema.tag("Equalizer"),
  bands: Schema.Array(Band).pipe(Schema.check(Schema.isMaxLength(31)))
})

/**
 * Takes away what is above `hz`, 20 to 20000, by 12 dB an octave; `q` above 0.71, up to 10, raises what is near it.
 *
 * @category models
 * @since 0.1.0
 */
export const LowPass = Schema.Struct({ _tag: Schema.tag("LowPass"), hz, q: or(between(0.1, 10), flatQ) })

/**
 * Takes away what is below `hz`, as {@link LowPass} what is above it.
 *
 * @category models
 * @since 0.1.0
 */
export const HighPass = Schema.Struct({ _tag: Schema.tag("HighPass"), hz, q: or(between(0.1, 10), flatQ) })

/**
 * A level that swings between that of the source and `1 - depth` of it, `hz` times a second (0.01 to 100; default 2). Default depth 0.5.
 *
 * @category models
 * @since 0.1.0
 */
export const Tremolo = Schema.Struct({ _tag: Schema.tag("Tremolo"), hz: or(swing(100), 2), depth: or(share, 0.5) })

/**
 * A pitch that swings, `hz` times a second (0.01 to 14; default 2), by up to 0.63 `depth` `hz` percent. Default depth 0.5.
 *
 * @category models
 * @since 0.1.0
 */
export const Vibrato = Schema.Struct({ _tag: Schema.tag("Vibrato"), hz: or(swing(14), 2), depth: or(share, 0.5) })

/**
 * Goes round the listener, `hz` times a second: 0.01 to 20; default 0.2. In the middle it is 3 dB lower, so that its power stays the
 * same.
 *
 * @category models
 * @since 0.1.0
 */
export const Rotation = Schema.Struct({ _tag: Schema.tag("Rotation"), hz: or(swing(20), 0.2) })

/**
 * Takes away what is the same on both sides, as most voices are, but for a band around `hz` (20 to 20000; default 220) that is `width`
 * wide (1 to 20000 Hz; default 100) and stays at `monoLevel`. `level` is how much is taken away. Both are 0 to 1; default 1.
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
 * How much of each side is heard on which: -1 to 1, by default each on its own.
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
 * Bends the waves, so that there are overtones: the more the higher `driveDb` (0 to 48; default 12). What is soft becomes louder, and
 * full scale stays there. `mix` is how much of it is heard, 0 to 1; default 1.
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
 * What was heard before comes back after `delayMs` (1 to 2000; default 300) at `level` (0 to 1; default 0.5), and again and again,
 * each time at `decay` of the time before (0 to 0.9; default 0.5).
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
 * Makes soft and loud more alike: what is above `thresholdDb` (-60 to 0; default -24) is `ratio` times closer to it (1 to 100; default
 * 4), and all is raised by `makeupDb` (0 to 24; default 0). A ratio of 100 and an attack of 1 ms make a limiter.
 *
 * @category models
 * @since 0.1.0
 */
export const Compressor = Schema.Struct({
  _tag: Schema.tag("Compressor"),
  thresholdDb: or(between(-60, 0), -24),
  ratio: or(between(1, 100), 4),
  /** How fast it steps in, 0.1 to 500 ms; default 5. */
  attackMs: or(between(0.1, 500), 5),
  /** How fast it lets go, 1 to 5000 ms; default 150. */
  releaseMs: or(between(1, 5_000), 150),
  makeupDb: or(between(0, 24), 0)
})

/**
 * How fast and how high it is heard, each by itself: 0.5 to 2, default 1. A `pitch` of 2 is an octave higher. Both the same sound as a
 * record that is turned faster. It comes before all other effects, wherever it stands in a list, and there is one at most.
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
 * What there is, to check what comes from elsewhere.
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
    "an effect, whose _tag is Equalizer, LowPass, HighPass, Tremolo, Vibrato, Rotation, Karaoke, ChannelMix, Distortion, " +
    "Echo, Compressor or Timescale,"
})

/** Each once or twice is a lot; a list without end would take a machine down. */
const most = 16

/**
 * An effect as a program writes it: what has a default may be left out.
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
 * A list of effects, 16 at most, in the order in which they work.
 *
 * @category models
 * @since 0.1.0
 */
export const List = Schema.Array(SoundEffect).pipe(
  Schema.check(
    Schema.isMaxLength(most),
    Schema.makeFilter(
      (effects) => effects.filter(({ _tag }) => _tag === "Timescale").length <= 1,
      { expected: "one Timescale at most" }
    )
  )
)

// a value with a name that there is not, such as the `rate` of Lavalink's timescale, would change nothing, and nobody would know why
const decode = Schema.decodeUnknownResult(List, { onExcessProperty: "error" })
const issuesOf = SchemaIssue.makeFormatterStandardSchemaV1()

/**
 * Fills in what was left out. Fails with `Unsupported` for what is no effect, and for a value that there is not, is out of its range or
 * no number.
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
    const place = path.map((key) => String(typeof key === "object" ? key.key : key)).join(".")
    const detail = `${message.charAt(0).toLowerCase()}${message.slice(1)}`
    return VoiceError.fail(
      new VoiceError.Unsupported({
        feature: "such a sound effect",
        detail: place === "" ? detail : `${detail} at ${place}`
      })
    )
  })

/**
 * How many milliseconds of a source are heard in one.
 *
 * @category combinators
 * @since 0.1.0
 */
export const speedOf = (effects: ReadonlyArray<Complete>): number =>
  effects.reduce((speed, effect) => effect._tag === "Timescale" ? speed * effect.speed : speed, 1)

/**
 * The centres of the bands of Lavalink's equalizer, in Hz: two thirds of an octave each.
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

/** Where the gain of a band would be no number of dB. */
const leastShare = 0.01

/**
 * An equalizer of gains as Lavalink has them, from its lowest band on: -0.25 mutes a band (here, lowers it by 40 dB), 0 leaves it as
 * it is, 0.25 doubles it, and 1 is the most. What is left out is 0; what is beyond these is taken for the nearest.
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
    // as wide as the band that is added to the rest there
    return [{ hz: centre, gainDb: 20 * Math.log10(amplitude), q: lavalinkQ / Math.sqrt(amplitude) }]
  })
})
