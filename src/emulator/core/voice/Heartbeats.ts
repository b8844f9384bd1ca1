/**
 * Supervises the heartbeats on a connection to the voice gateway: that they arrive, in time, from one timer, and with the
 * number of the last message (`seq_ack`, from version 8 on).
 *
 * @since 0.1.0
 */
import { sequenceDelta } from "../../../protocol/RtpPacket.ts"
import type { CoreContext, Verdict } from "../CoreContext.ts"
import type { Connection } from "./Session.ts"

/**
 * What a connection reports to its supervision.
 *
 * @category models
 * @since 0.1.0
 */
export interface Heartbeats {
  /** Tells that Hello was sent: the first interval begins. */
  readonly start: (connection: Connection) => void
  /** Tells that a heartbeat has left the client, whether it gets through the faults or not. */
  readonly sent: (connection: Connection) => void
  /** Tells that a heartbeat has arrived, with the number that it acknowledges, if it has one. */
  readonly arrived: (connection: Connection, acknowledged: number | undefined) => void
}

/** The number of intervals after which a heartbeat is late. */
const lateness = 1.25

/** How long a numbered message may be unacknowledged while heartbeats arrive, in milliseconds. */
const acknowledgementMs = 5_000

/** The maximum number of simultaneous timers that are detected. */
const mostTimers = 8

/** How often a pattern has to recur, so that it is not an accident of a busy machine. */
const rounds = 3

/** The number of heartbeats that are remembered. */
const keptBeats = rounds * mostTimers + 1

/** How many heartbeats in quick succession are a flood, and the gap that is too short for all of them. */
const flood = { beats: 20, share: 1 / 5, mostMs: 2_500 } as const

/**
 * The number of timers that make these heartbeats: a single one has even gaps, however short, and several have uneven gaps that
 * recur. 1 if there is no such pattern.
 */
const timersOf = (beatsMs: ReadonlyArray<number>, intervalMs: number): number => {
  const at = (back: number) => beatsMs[beatsMs.length - 1 - back] ?? Number.NaN
  for (let timers = 2; timers <= mostTimers && beatsMs.length > rounds * timers; timers++) {
    const period = at(0) - at(timers)
    if (period > 1.1 * intervalMs) continue
    let shortest = period
    let longest = 0
    let isPattern = true
    for (let back = 0; back < (rounds - 1) * timers; back++) {
      if (Math.abs(at(back) - at(back + timers) - period) > period / 20) isPattern = false
      const gap = at(back) - at(back + 1)
      shortest = Math.min(shortest, gap)
      longest = Math.max(longest, gap)
    }
    if (isPattern && longest - shortest > period / 8) return timers
  }
  return 1
}

/**
 * Makes the supervision. `onMissing` runs if no heartbeat has arrived for the profile's number of intervals.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (context: CoreContext, onMissing: (connection: Connection) => void): Heartbeats => {
  const { heartbeatTolerance, voiceHeartbeatIntervalMs } = context.profile
  const limitMs = heartbeatTolerance * voiceHeartbeatIntervalMs

  const judge = (connection: Connection, severity: Verdict["severity"], code: string, message: string): void => {
    // Without Hello, or with one that was delayed, nobody can keep the interval.
    if (connection.tampered) context.count(`tampered:${code}`)
    else context.judge(severity, code, message, connection.session?.userId)
  }

  const advise = (connection: Connection, code: string, message: string): void => {
    if (connection.advised.has(code)) return
    connection.advised.add(code)
    judge(connection, "advice", code, message)
  }

  const judgeRate = (connection: Connection): void => {
    const { beatsMs } = connection
    const first = beatsMs[beatsMs.length - 1 - flood.beats]
    const shortestMs = Math.min(flood.share * voiceHeartbeatIntervalMs, flood.mostMs)
    if (first !== undefined && context.now() - first < flood.beats * shortestMs) {
      const message = `${flood.beats} heartbeats on the voice gateway in ${Math.round(context.now() - first)} ms`
      return advise(connection, "heartbeat-too-often", `${message}; the interval is ${voiceHeartbeatIntervalMs} ms`)
    }
    const timers = timersOf(beatsMs, voiceHeartbeatIntervalMs)
    if (timers > 1) {
      advise(
        connection,
        "heartbeat-too-often",
        `${timers} timers send heartbeats on the voice gateway at the same time`
      )
    }
  }

  const judgeAcknowledgement = (connection: Connection, acknowledged: number | undefined): void => {
    const { numbered } = connection
    const due = numbered.findLastIndex(({ atMs }) => context.now() - atMs >= acknowledgementMs)
    if (due >= 0) connection.dueSeq = numbered.splice(0, due + 1).at(-1)?.seq
    const { dueSeq } = connection
    if (dueSeq === undefined) return
    if (acknowledged !== undefined && acknowledged >= 0 && sequenceDelta(acknowledged, dueSeq) >= 0) return
    const said = acknowledged === undefined ? "no seq_ack" : `seq_ack ${acknowledged}`
    advise(
      connection,
      "acknowledgement-behind",
      `a heartbeat has ${said} more than ${acknowledgementMs / 1000} s after the message with the number ${dueSeq}`
    )
  }

  const watch = (connection: Connection): void => {
    connection.cancelDeadline = context.timers.at(connection.beatMs + limitMs, () => {
      connection.cancelDeadline = undefined
      if (context.now() < connection.beatMs + limitMs) return watch(connection)
      if (context.now() >= connection.sentBeatMs + limitMs) {
        judge(connection, "violation", "heartbeat-missing", `no heartbeat on the voice gateway for ${limitMs} ms`)
      }
      onMissing(connection)
    })
  }

  return {
    start: (connection) => {
      connection.beatMs = context.now()
      connection.sentBeatMs = context.now()
      watch(connection)
    },
    sent: (connection) => {
      const since = context.now() - connection.sentBeatMs
      if (since > lateness * voiceHeartbeatIntervalMs) {
        judge(
          connection,
          "advice",
          "late-heartbeat",
          `a heartbeat on the voice gateway was sent ${
            Math.round(since)
          } ms after the previous one; the interval is ${voiceHeartbeatIntervalMs} ms`
        )
      }
      connection.sentBeatMs = context.now()
      connection.beatsMs.push(context.now())
      if (connection.beatsMs.length > keptBeats) connection.beatsMs.shift()
      judgeRate(connection)
    },
    arrived: (connection, acknowledged) => {
      connection.beatMs = context.now()
      judgeAcknowledgement(connection, acknowledged)
    }
  }
}
