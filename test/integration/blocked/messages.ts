/**
 * What the processes of `blocked.test.ts` tell. All times are milliseconds of the machine's monotonic clock, which they share.
 */

/** `process.hrtime` has the same origin in every process; `performance.now` has not. */
export const now = (): number => Number(process.hrtime.bigint()) / 1_000_000

/** A packet at the sink. It arrived between `sinceMs` and `atMs`: how far these are apart says how long the sink slept. */
export interface Packet {
  readonly sequence: number
  readonly timestamp: number
  readonly sinceMs: number
  readonly atMs: number
}

/** All that a sink has seen. */
export interface Report {
  readonly _tag: "Report"
  readonly packets: ReadonlyArray<Packet>
  /** Nonces of the heartbeats, in the order of arrival. */
  readonly nonces: ReadonlyArray<number>
  /** WebSockets that were opened. */
  readonly connections: number
}

/** What a sender knows of itself. */
export interface Log {
  readonly _tag: "Log"
  /** By sequence number: milliseconds from the clock's call until the system had the packet, where that took a while. */
  readonly held: ReadonlyArray<readonly [sequence: number, ms: number]>
  /** Heartbeats as they were sent, and how many packets had been sent until then. */
  readonly beats: ReadonlyArray<{ readonly atMs: number; readonly packets: number }>
  /** The longest time in which no timer of the process ran for more than a moment. */
  readonly longestStallMs: number
}

/** The event loop was blocked, from when to when. */
export interface Blocked {
  readonly _tag: "Blocked"
  readonly fromMs: number
  readonly untilMs: number
}

/** What `Date.now` said before the wall clock was moved and after it. */
export interface Stepped {
  readonly _tag: "Stepped"
  readonly before: number
  readonly after: number
}
