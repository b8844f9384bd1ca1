/**
 * The names of opcodes for readers of a log.
 *
 * @since 0.1.0
 */

/** Discord docs, Opcodes and Status Codes, Voice; the DAVE whitepaper; 12 to 20 as seen in clients. */
const voice: ReadonlyMap<number, string> = new Map([
  [0, "Identify"],
  [1, "Select Protocol"],
  [2, "Ready"],
  [3, "Heartbeat"],
  [4, "Session Description"],
  [5, "Speaking"],
  [6, "Heartbeat ACK"],
  [7, "Resume"],
  [8, "Hello"],
  [9, "Resumed"],
  [11, "Clients Connect"],
  [12, "Video"],
  [13, "Client Disconnect"],
  [14, "Session Update"],
  [15, "Media Sink Wants"],
  [16, "Voice Backend Version"],
  [17, "Channel Options Update"],
  [18, "Client Flags"],
  [19, "Speed Test"],
  [20, "Client Platform"],
  [21, "DAVE Prepare Transition"],
  [22, "DAVE Execute Transition"],
  [23, "DAVE Transition Ready"],
  [24, "DAVE Prepare Epoch"],
  [25, "MLS External Sender"],
  [26, "MLS Key Package"],
  [27, "MLS Proposals"],
  [28, "MLS Commit Welcome"],
  [29, "MLS Announce Commit Transition"],
  [30, "MLS Welcome"],
  [31, "MLS Invalid Commit Welcome"]
])

/** Discord docs, Opcodes and Status Codes, Gateway. */
const main: ReadonlyMap<number, string> = new Map([
  [0, "Dispatch"],
  [1, "Heartbeat"],
  [2, "Identify"],
  [3, "Presence Update"],
  [4, "Voice State Update"],
  [6, "Resume"],
  [7, "Reconnect"],
  [8, "Request Guild Members"],
  [9, "Invalid Session"],
  [10, "Hello"],
  [11, "Heartbeat ACK"],
  [31, "Request Soundboard Sounds"]
])

/**
 * @category getters
 * @since 0.1.0
 */
export const nameOf = (gateway: "voice" | "main", op: number): string | undefined =>
  (gateway === "voice" ? voice : main).get(op)
