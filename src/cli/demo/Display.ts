/**
 * The output of the demo: one line while it plays, redrawn on a terminal and printed occasionally elsewhere, and a summary. All
 * of it is plain text from plain data.
 *
 * @since 0.1.0
 */
import type { E2ee } from "../../VoiceDriver.ts"
import type { Comparison } from "./Comparison.ts"

/**
 * The progress of the demo.
 *
 * @category models
 * @since 0.1.0
 */
export interface Progress {
  readonly positionMs: number
  /** `undefined` if the source does not know. */
  readonly durationMs: number | undefined
  readonly packetsSent: number
  /** Of the last heartbeat; `undefined` before the first answer. */
  readonly roundTripMs: number | undefined
  readonly latenessP50Ms: number
  readonly latenessP99Ms: number
}

/**
 * The results of the demo.
 *
 * @category models
 * @since 0.1.0
 */
export interface Summary {
  readonly comparison: Comparison
  /** How the track ended, as a word or a sentence. */
  readonly end: string
  /** The voice privacy code that each side saw, if the call was end-to-end encrypted. */
  readonly privacy: { readonly bot: string | undefined; readonly listener: string | undefined } | undefined
  /** What the bot heard of the answer, if there was a conversation. */
  readonly answer: AnswerSummary | undefined
  /** The path of the recording. */
  readonly recording: string | undefined
  /** The emulator's objections to the client. */
  readonly objections: ReadonlyArray<string>
}

/**
 * @category models
 * @since 0.1.0
 */
export interface AnswerSummary {
  readonly utterances: number
  readonly durationMs: number
  /** How long after the guest began the bot noticed it. */
  readonly noticedMs: number | undefined
  /** The path of the answer. */
  readonly path: string | undefined
}

const two = (value: number): string => String(value).padStart(2, "0")

/**
 * Minutes, seconds and tenths, as in `1:02.3`; with hours if there are any.
 *
 * @category combinators
 * @since 0.1.0
 */
export const time = (ms: number): string => {
  const tenths = Math.max(0, Math.floor(ms / 100))
  const seconds = Math.floor(tenths / 10)
  const minutes = Math.floor(seconds / 60)
  const hours = Math.floor(minutes / 60)
  const head = hours > 0 ? `${hours}:${two(minutes % 60)}` : String(minutes)
  return `${head}:${two(seconds % 60)}.${tenths % 10}`
}

const ms = (value: number): string => `${value.toFixed(1)} ms`

const barWidth = 20

const bar = (share: number): string => {
  const filled = Math.round(Math.min(1, Math.max(0, share)) * barWidth)
  return `[${"#".repeat(filled)}${"-".repeat(barWidth - filled)}]`
}

/**
 * One line, cut to `columns` if given, so that redrawing it never leaves a line behind.
 *
 * @category combinators
 * @since 0.1.0
 */
export const progressLine = (progress: Progress, columns?: number): string => {
  const { durationMs, positionMs } = progress
  const parts = [
    durationMs === undefined || durationMs <= 0
      ? time(positionMs)
      : `${bar(positionMs / durationMs)} ${time(positionMs)} / ${time(durationMs)}`,
    `${progress.packetsSent} packets`,
    `heartbeat ${progress.roundTripMs === undefined ? "-" : ms(progress.roundTripMs)}`,
    `late p50 ${ms(progress.latenessP50Ms)}, p99 ${ms(progress.latenessP99Ms)}`
  ]
  const line = parts.join("  ")
  return columns === undefined || columns <= 1 ? line : line.slice(0, columns - 1)
}

/**
 * A displayable code in groups of five digits.
 *
 * @category combinators
 * @since 0.1.0
 */
export const code = (digits: string): string => digits.replaceAll(/\d{5}(?=\d)/g, "$& ")

/**
 * The state of end-to-end encryption, in one line.
 *
 * @category combinators
 * @since 0.1.0
 */
export const encryptionLine = ({ membership, version }: E2ee): string =>
  version === 0
    ? "Not end-to-end encrypted"
    : membership === undefined
    ? `End-to-end encryption (DAVE ${version}) is required, and there is no group yet`
    : `End-to-end encrypted (DAVE ${version}), voice privacy code ${code(membership.privacyCode)}`

const quietDb = -60

/**
 * The levels of some people in dBFS, in one line that is cut to `columns` if given.
 *
 * @category combinators
 * @since 0.1.0
 */
export const meterLine = (levels: Readonly<Record<string, number>>, columns?: number): string => {
  const line = Object.entries(levels)
    .map(([name, level]) => {
      const shown = level <= quietDb ? "  -" : String(Math.round(level)).padStart(3)
      return `${name} ${bar((level - quietDb) / -quietDb)} ${shown} dB`
    })
    .join("   ")
  return columns === undefined || columns <= 1 ? line : line.slice(0, columns - 1)
}

const answerLines = ({ durationMs, noticedMs, path, utterances }: AnswerSummary): ReadonlyArray<string> => [
  utterances === 0
    ? "  answer     nothing was heard"
    : `  answer     ${(durationMs / 1000).toFixed(1)} s of speech in ${utterances} utterance${
      utterances === 1 ? "" : "s"
    }` +
      (noticedMs === undefined ? "" : `, noticed after ${Math.round(noticedMs)} ms`),
  ...path === undefined ? [] : [`  answer     ${path}`]
]

/**
 * The line with the control characters that redraw it on a terminal.
 *
 * @category combinators
 * @since 0.1.0
 */
export const redraw = (line: string): string => `\r${line}\u001B[K`

/**
 * The summary, in several lines.
 *
 * @category combinators
 * @since 0.1.0
 */
export const summary = ({ answer, comparison: c, end, objections, privacy, recording }: Summary): string => {
  const faults: Array<string> = []
  if (c.heard < c.sent) faults.push(`${c.sent - c.heard} missing or changed`)
  if (c.foreign > 0) faults.push(`${c.foreign} that nobody sent`)
  if (c.repeated > 0) faults.push(`${c.repeated} more than once`)
  if (c.ratioDb !== undefined && faults.length === 0) faults.push("it sounds otherwise")
  const likeness = c.ratioDb === undefined
    ? "bit-exact"
    : `encoded with ${c.ratioDb.toFixed(1)} dB between signal and noise`
  const verdict = c.sent === 0 ? "nothing was sent" : c.intact ? likeness : `not intact: ${faults.join(", ")}`
  const lines = [
    `  track      ${end}`,
    `  heard      ${c.heard} of ${c.sent} frames, ${verdict}`,
    `  gap        ${ms(c.largestGapMs)} at most between two frames`,
    `  delay      p50 ${ms(c.delayP50Ms)}, p99 ${ms(c.delayP99Ms)}, at most ${ms(c.delayMaxMs)} at the listener`
  ]
  if (privacy !== undefined) {
    const isSame = privacy.bot !== undefined && privacy.bot === privacy.listener
    lines.push(
      `  privacy    ${isSame ? "the listener saw the same code" : "the listener saw another code: not the same group"}`
    )
  }
  if (answer !== undefined) lines.push(...answerLines(answer))
  if (recording !== undefined) lines.push(`  recording  ${recording}`)
  for (const objection of objections) lines.push(`  objection  ${objection}`)
  return lines.join("\n")
}
