/**
 * The close codes of the voice gateway.
 *
 * @since 0.1.0
 */
import type { CloseCode } from "./closeCode.ts"

/**
 * How a client reacts to a close code of the voice gateway.
 *
 * - `resume`: open the same endpoint again and send Resume (op 7); if that is refused, rejoin.
 * - `rejoin`: ask the main gateway for a new voice server (op 4) and identify again; never resume.
 * - `rejoin-once`: the same, but a second time in a row is final: the mistake is in what we send.
 * - `await-gateway`: neither resume nor rejoin; the next event of the main gateway decides. A voice state of ours without a
 *   channel means that we were removed; a new voice server means that the call continues there.
 * - `stop`: nothing that a client does by itself can help.
 *
 * @category models
 * @since 0.1.0
 */
export type VoiceReaction = "resume" | "rejoin" | "rejoin-once" | "await-gateway" | "stop"

/**
 * The name of a close code of the voice gateway. `ConnectionLost` stands for every code below 4000 (RFC 6455, 7.4),
 * `UnknownCloseCode` for every other code without an entry.
 *
 * @category models
 * @since 0.1.0
 */
export type VoiceCloseName =
  | "UnknownOpcode"
  | "PayloadRejected"
  | "NotAuthenticated"
  | "AuthenticationFailed"
  | "AlreadyAuthenticated"
  | "SessionInvalid"
  | "SessionTimedOut"
  | "ServerNotFound"
  | "UnknownProtocol"
  | "WebRtcCrashed"
  | "Disconnected"
  | "ServerCrashed"
  | "UnknownEncryptionMode"
  | "E2eeRequired"
  | "BadRequest"
  | "RateLimited"
  | "CallTerminated"
  | "ConnectionLost"
  | "UnknownCloseCode"

/**
 * One close code of the voice gateway.
 *
 * @category models
 * @since 0.1.0
 */
export type VoiceCloseCode = CloseCode<VoiceCloseName, VoiceReaction>

/**
 * Every close code of the voice gateway, in ascending order (Discord docs, Opcodes and Status Codes, Voice Close Event
 * Codes; 4013 is not documented by Discord).
 *
 * @category constants
 * @since 0.1.0
 */
export const voiceTable: ReadonlyArray<VoiceCloseCode> = [
  {
    code: 4001,
    name: "UnknownOpcode",
    meaning: "The voice gateway received an opcode that it does not know",
    remedy: "This is a bug in the client: use a gateway version that has the opcode, or report it.",
    reaction: "rejoin-once"
  },
  {
    code: 4002,
    name: "PayloadRejected",
    meaning: "The voice gateway could not decode a payload",
    remedy: "This is a bug in the client: check the session id and the other ids that were passed in, or report it.",
    reaction: "rejoin-once"
  },
  {
    code: 4003,
    name: "NotAuthenticated",
    meaning: "A payload was sent to the voice gateway before Identify",
    remedy: "This is a bug in the client: send Identify or Resume first, or report it.",
    reaction: "rejoin-once"
  },
  {
    code: 4004,
    name: "AuthenticationFailed",
    meaning: "The voice gateway does not accept the voice token",
    remedy: "Take the token from the latest VOICE_SERVER_UPDATE of this guild: each one replaces the previous token.",
    reaction: "rejoin-once"
  },
  {
    code: 4005,
    name: "AlreadyAuthenticated",
    meaning: "Identify or Resume was sent twice on one voice connection",
    remedy: "This is a bug in the client: send it once per connection, or report it.",
    reaction: "rejoin-once"
  },
  {
    code: 4006,
    name: "SessionInvalid",
    meaning: "The voice session is no longer valid",
    remedy: "Join again for a new session; if it happens immediately, check that the endpoint's port was kept.",
    reaction: "rejoin"
  },
  {
    code: 4009,
    name: "SessionTimedOut",
    meaning: "The voice session timed out because heartbeats were missing",
    remedy: "Join again for a new session; if it happens often, look for code that blocks the event loop.",
    reaction: "rejoin"
  },
  {
    code: 4011,
    name: "ServerNotFound",
    meaning: "The voice gateway does not know the server that Identify named",
    remedy: "Join again for a new voice server and check the guild id.",
    reaction: "rejoin"
  },
  {
    code: 4012,
    name: "UnknownProtocol",
    meaning: "The voice gateway does not support the selected transport protocol",
    remedy: "This is a bug in the client: select \"udp\", or report it.",
    reaction: "stop"
  },
  {
    code: 4013,
    name: "WebRtcCrashed",
    meaning: "The media server behind the voice gateway crashed",
    remedy: "This is Discord's fault: resume, and join again if that fails.",
    reaction: "resume"
  },
  {
    code: 4014,
    name: "Disconnected",
    meaning: "The bot was disconnected: it was kicked or moved, the channel was deleted, or the main session ended",
    remedy:
      "The main gateway says whether the call continues on another voice server, and VoiceSession waits for that; do not resume.",
    reaction: "await-gateway"
  },
  {
    code: 4015,
    name: "ServerCrashed",
    meaning: "The voice server crashed",
    remedy: "This is Discord's fault: resume, and join again if that fails.",
    reaction: "resume"
  },
  {
    code: 4016,
    name: "UnknownEncryptionMode",
    meaning: "The voice gateway does not support the selected encryption mode",
    remedy:
      "Select one of the modes that Ready offers; the xsalsa20_poly1305 modes were discontinued on 18 November 2024.",
    reaction: "stop"
  },
  {
    code: 4017,
    name: "E2eeRequired",
    meaning: "The channel only admits clients with end-to-end encryption",
    remedy:
      "Provide Dave.layer and use voice gateway version 8 or later; since March 2026, only stage channels admit clients without it (DAVE).",
    reaction: "stop"
  },
  {
    code: 4020,
    name: "BadRequest",
    meaning: "The voice gateway received a malformed request",
    remedy: "This is a fault of the client, often a heartbeat nonce that is not an integer: report it.",
    reaction: "rejoin-once"
  },
  {
    code: 4021,
    name: "RateLimited",
    meaning: "The voice gateway disconnected the bot for exceeding its rate limit",
    remedy: "Do not reconnect automatically; join less often, and check whether the program joins in a loop.",
    reaction: "stop"
  },
  {
    code: 4022,
    name: "CallTerminated",
    meaning: "The call ended for everyone: the channel was deleted or its voice server changed",
    remedy: "Wait for the main gateway, which names the new voice server if there is one; do not resume.",
    reaction: "await-gateway"
  }
]

const voiceByCode = new Map(voiceTable.map((entry) => [entry.code, entry]))

/**
 * Looks up a close code of the voice gateway. Total: codes below 4000 (including 1000, and 1006 for a lost connection) are
 * `ConnectionLost`, others without an entry `UnknownCloseCode`. Discord also sends 1000 when heartbeats are missing, so 1000
 * from the server resumes like any other loss.
 *
 * **Example** (What to do after a close)
 *
 * ```ts
 * import { CloseCode } from "effect-discord-voice/protocol"
 *
 * CloseCode.voice(4006).reaction // "rejoin"
 * CloseCode.voice(1006).reaction // "resume"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const voice = (code: number): VoiceCloseCode =>
  voiceByCode.get(code) ?? (code < 4000 ?
    {
      code,
      name: "ConnectionLost",
      meaning: "The connection to the voice gateway was lost",
      remedy: "Resume, and join again if that fails; if it happens often, check the network.",
      reaction: "resume"
    } :
    {
      code,
      name: "UnknownCloseCode",
      meaning: "The voice gateway closed the connection with an undocumented code",
      remedy: "Join again once; if it happens again, look up the code in Discord's documentation.",
      reaction: "rejoin-once"
    })
