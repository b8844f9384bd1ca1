/**
 * The messages of the processes of `blocked.test.ts`. All times are milliseconds of the machine's monotonic clock,
 * which they share.
 */

/** `process.hrtime` has the same origin in every process; `performance.now` does not. */
export const now = (): number => Number(process.hrtime.bigint()) / 1_000_000

/**
 * A packet at the sink. It arrived between `sinceMs` and `atMs`; the distance of these says how long the sink slept.
 */
export interface Packet {
  readonly sequence: number
  readonly timestamp: number
  readonly sinceMs: number
  readonly atMs: number
}

/** Everything that a sink has seen. */
export interface Report {
  readonly _tag: "Report"
  readonly packets: ReadonlyArray<Packet>
  /** Nonces of the heartbeats, in the order of arrival. */
  readonly nonces: ReadonlyArray<number>
  /** How many WebSockets were opened. */
  readonly connections: number
}

/** What a sender records about itself. */
export interface Log {
  readonly _tag: "Log"
  /**
   * By sequence number: the milliseconds from the clock's call until the system had the packet, if that took a while.
   */
  readonly held: ReadonlyArray<readonly [sequence: number, ms: number]>
  /** When each heartbeat was sent, and how many packets had been sent by then. */
  readonly beats: ReadonlyArray<{ readonly atMs: number; readonly packets: number }>
  /** The longest time in which no timer of the process ran for more than a moment. */
  readonly longestStallMs: number
}

/** The event loop was blocked during this time. */
export interface Blocked {
  readonly _tag: "Blocked"
  readonly fromMs: number
  readonly untilMs: number
}

/** What `Date.now` returned before and after the wall clock was moved. */
export interface Stepped {
  readonly _tag: "Stepped"
  readonly before: number
  readonly after: number
}
