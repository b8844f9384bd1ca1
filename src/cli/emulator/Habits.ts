/**
 * Habits of the emulated Discord, as the command line names them: `--habit maxPadding=0`. They are the fields of a profile.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { type Profile, today, year2022 } from "../../emulator/core/Profile.ts"
import { EncryptionMode } from "../../protocol/EncryptionMode.ts"
import { VoiceVersion } from "../../protocol/VoicePayload.ts"

/**
 * What can be changed in a profile: everything but its name.
 *
 * @category models
 * @since 0.1.0
 */
export type Habits = Partial<Omit<Profile, "name">>

const share = Schema.Finite.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 1 })))

/** All fields of a profile but its name: the compiler reports a missing one. */
const fields: { readonly [K in keyof Required<Habits>]: Schema.Codec<Profile[K], unknown> } = {
  versions: Schema.NonEmptyArray(VoiceVersion),
  defaultVersion: Schema.Union([VoiceVersion, Schema.Literal("refuse")]),
  modes: Schema.NonEmptyArray(EncryptionMode),
  e2ee: Schema.Boolean,
  channelE2ee: Schema.Literals(["required", "optional"]),
  discovery: Schema.Array(Schema.Literals(["74", "70"])),
  mediaTarget: Schema.Literals(["observed", "selected"]),
  discoveryGarbage: Schema.Literals(["answer", "refuse"]),
  voiceHeartbeatIntervalMs: Schema.Int.pipe(Schema.check(Schema.isGreaterThan(0))),
  floatHeartbeatInterval: Schema.Boolean,
  heartbeatTolerance: Schema.Finite,
  heartbeatTimeoutCode: Schema.Literals([4009, 1000, 1006]),
  gatewayHeartbeatIntervalMs: Schema.Int.pipe(Schema.check(Schema.isGreaterThan(0))),
  resumeWindowMs: Schema.Natural,
  replayLimit: Schema.Natural,
  audioBeforeSpeaking: Schema.Literals(["drop", "close"]),
  audioToUnannounced: Schema.Literals(["forward", "withhold"]),
  largestSsrc: Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0x1_0000, maximum: 0xffff_ffff }))),
  ssrcReuse: Schema.Literals(["never", "after-leaving"]),
  addedSilence: Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 50 }))),
  addedSilenceAfterMs: Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 20, maximum: 10_000 }))),
  addedSilenceNumbers: Schema.Literals(["fitted", "clashing"]),
  guestVideo: Schema.Literals(["announced", "sent"]),
  headerExtension: Schema.Boolean,
  maxPadding: Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 255 }))),
  paddingRate: share,
  relaySenderReports: Schema.Boolean,
  echoKeepalive: Schema.Boolean,
  clientsConnectIncludesSelf: Schema.Boolean,
  gatewayHeartbeatTolerance: Schema.Finite,
  gatewayResumeWindowMs: Schema.Natural,
  gatewayReplayLimit: Schema.Natural,
  identifyIntervalMs: Schema.Natural,
  identifyConcurrency: Schema.Natural.pipe(Schema.check(Schema.isGreaterThan(0))),
  voiceEventOrder: Schema.Literals(["state-first", "server-first", "random"]),
  voiceEventDelayMs: Schema.Natural,
  voiceEventGapMs: Schema.Natural,
  voiceCloseOrder: Schema.Literals(["close-first", "event-first", "random"]),
  moveCloseCode: Schema.Literals([4006, 4014, 4022]),
  allocationMs: Schema.Natural,
  rejoinSameChannel: Schema.Literals(["when-disconnected", "never"]),
  stageAudience: Schema.Boolean,
  daveFirstTransition: Schema.Literals(["zero", "counted"]),
  daveTransitionTimeoutMs: Schema.Natural,
  daveExternalSender: Schema.Literals(["before-description", "after-description"]),
  daveSoleMemberVersion: Schema.Literals(["same", "zero"]),
  daveEpochTransition: Schema.Boolean,
  daveLostMember: Schema.Literals(["kept", "removed"]),
  auditLogMergeMs: Schema.Natural,
  eventEmptyMs: Schema.Natural,
  eventOverdueMs: Schema.Natural
}

/**
 * A profile by its name, with 100 ms between the two voice events, because Discord has to find a voice server first. Clients
 * may rely on that: discord.py 2.7 misses the second event, and never joins, if it comes some microseconds after the first.
 *
 * @category constructors
 * @since 0.1.0
 */
export const usual = (name: "today" | "2022"): Profile => ({
  ...(name === "2022" ? year2022 : today),
  voiceEventGapMs: 100
})

const isHabit = (name: string): name is keyof Habits => Object.hasOwn(fields, name)

/** Numbers, booleans and lists are JSON; `["74"]` needs its quotes, a single word does not. */
const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/**
 * Parses habits by name. A failure is a sentence for the user.
 *
 * @category codecs
 * @since 0.1.0
 */
export const read = (texts: { readonly [name: string]: string }): Result.Result<Habits, string> => {
  const habits: { [name: string]: unknown } = {}
  for (const [name, text] of Object.entries(texts)) {
    if (!isHabit(name)) {
      return Result.fail(`--habit ${name}: there is no such habit. The habits are: ${Object.keys(fields).join(", ")}.`)
    }
    const decoded = Schema.decodeUnknownResult(fields[name])(parse(text))
    if (Result.isFailure(decoded)) return Result.fail(`--habit ${name}=${text}: ${decoded.failure.message}`)
    habits[name] = decoded.success
  }
  // each was decoded with the schema of its own field
  return Result.succeed(habits as Habits)
}
