/**
 * How to handle errors, each of which has a typed reason: a bot that is kicked, one without permission, and one that
 * cannot encrypt in a channel that requires it. `whatNext` says what a bot can do about each reason. Runs against the
 * emulator; no token needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect } from "effect"
import { type VoiceError, VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"

/** What a bot can do when a session has ended or a join has failed. The compiler reports a missing reason. */
const whatNext = (reason: VoiceError.Reason): string => {
  switch (reason._tag) {
    // somebody did this on purpose
    case "Kicked":
    case "CallEnded":
    case "CallTerminated":
    case "Disconnected":
    case "RemovedFromGuild":
      return "stay away until somebody asks"
    // the session has already retried many times: the problem is the network, or Discord
    case "ConnectionLost":
    case "SessionInvalid":
    case "SessionTimedOut":
    case "ServerNotFound":
    case "ServerCrashed":
    case "WebRtcCrashed":
    case "HeartbeatUnanswered":
    case "PhaseTimedOut":
    case "SocketOpenFailed":
    case "DiscoveryUnanswered":
    case "UdpFailed":
    case "UdpLost":
    case "ProtocolViolated":
    case "CryptoFailed":
    case "GatewayDetached":
    case "GatewayFailed":
      return "join again in a few minutes, and tell the operator if it keeps happening"
    case "RateLimited":
      return "join again in an hour, and less often"
    // the operator of the bot, or a moderator of the guild, has to do something
    case "JoinTimedOut":
      return `ask a moderator to let the bot in (missing: ${reason.missing})`
    case "NotAdmitted":
      return reason.obstacle === "Full" ? "wait until somebody leaves" : `ask a moderator: ${reason.message}`
    // our own client of the main gateway stops after these
    case "GatewayClosed":
      return reason.remedy
    case "GatewayUnreachable":
      return `fix this, and start the bot again: ${reason.message}`
    case "E2eeRequired":
    case "E2eeFailed":
    case "NoCommonMode":
    case "UnknownEncryptionMode":
      return `check how the bot encrypts: ${reason.message}`
    case "CodecUnavailable":
      return `install what is missing: ${reason.message}`
    // the program asked for something impossible
    case "AlreadyJoined":
    case "NotConnected":
    case "Unsupported":
    case "EncodeFailed":
      return `fix the program: ${reason.message}`
    case "RestFailed":
      return `check the request: ${reason.message}`
    case "SourceFailed":
      return "skip it, and play the next one"
    case "RecordingFailed":
      return `say that the recording has ended: ${reason.message}`
    // a bug in the library, or in Discord
    case "UnknownOpcode":
    case "PayloadRejected":
    case "NotAuthenticated":
    case "AuthenticationFailed":
    case "AlreadyAuthenticated":
    case "UnknownProtocol":
    case "BadRequest":
    case "UnknownCloseCode":
      return `report it: ${reason.message}`
  }
}

/** Stays in a channel until something ends the session, and returns what that was. */
const stay = <E>(where: VoiceSession.JoinOptions, whenJoined: Effect.Effect<void, E> = Effect.void) =>
  Effect.gen(function*() {
    const session = yield* VoiceSession.join(where)
    yield* whenJoined
    yield* session.awaitClosed
    return "left"
  }).pipe(
    Effect.scoped,
    Effect.catchReasons("VoiceError", {
      Kicked: () => Effect.succeed("kicked: stay away until somebody asks"),
      NotAdmitted: (reason) => Effect.succeed(`not let in: ${reason.obstacle}`),
      JoinTimedOut: (reason) => Effect.succeed(`not let in (missing: ${reason.missing})`),
      E2eeRequired: () => Effect.succeed("this channel is only for clients with end-to-end encryption")
    })
  )

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const guildId = yield* discord.guild("guild")
  const channelId = yield* discord.channel("lobby")
  const secure = yield* discord.channel("secure")
  const asBot = Effect.provide(discord.layerVoice("bot"))

  const kicked = yield* asBot(stay({ guildId, channelId }, discord.faults.kick("bot")))
  yield* Effect.log(kicked)

  yield* discord.faults.deny("bot", "lobby", { connect: true })
  const refused = yield* asBot(stay({ guildId, channelId, joinTimeout: "500 millis" }))
  yield* Effect.log(refused)

  // versions of the voice gateway below 8 have no end-to-end encryption
  const encrypted = yield* asBot(stay({ guildId, channelId: secure, version: 7 }))
  yield* Effect.log(encrypted)

  const limited = yield* asBot(
    Effect.gen(function*() {
      const session = yield* VoiceSession.join({ guildId, channelId: yield* discord.createChannel({ name: "attic" }) })
      yield* discord.faults.closeVoice("bot", 4021)
      return yield* session.awaitClosed
    }).pipe(
      Effect.scoped,
      Effect.as("left"),
      Effect.catchTag("VoiceError", ({ reason }) => Effect.succeed(whatNext(reason)))
    )
  )
  yield* Effect.log(limited)

  assert.match(kicked, /^kicked/)
  assert.match(refused, /^not let in \(missing: both\)/)
  assert.match(encrypted, /end-to-end/)
  assert.match(limited, /in an hour/)
}).pipe(Effect.provide(Emulator.layer()))

NodeRuntime.runMain(program)
