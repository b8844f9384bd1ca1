/**
 * What can go wrong has a name: a bot that is kicked, one without permission, and one in a channel that demands end-to-end
 * encryption.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect } from "effect"
import { VoiceSession } from "effect-discord-voice"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"

/** Stays in a channel until something ends it, and says what that was. */
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

  const encrypted = yield* asBot(stay({ guildId, channelId: secure }))
  yield* Effect.log(encrypted)

  assert.match(kicked, /^kicked/)
  assert.match(refused, /^not let in \(missing: both\)/)
  assert.match(encrypted, /end-to-end/)
}).pipe(Effect.provide(Emulator.layer()))

NodeRuntime.runMain(program)
