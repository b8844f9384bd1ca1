import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import * as Connection from "../../src/driver/Connection.ts"
import * as Line from "../../src/driver/Line.ts"
import { ChannelId, GuildId, UserId } from "../../src/protocol/Identifier.ts"
import * as VoiceError from "../../src/VoiceError.ts"

const info = new Line.ConnectionInfo({
  endpoint: "voice.example:443",
  serverId: GuildId.make("1"),
  channelId: ChannelId.make("2"),
  userId: UserId.make("3"),
  sessionId: Redacted.make("session"),
  token: Redacted.make("token")
})

describe("Connection", () => {
  it.effect("releases at once what was opened for a connection that could not be made", () =>
    Effect.gen(function*() {
      let opened = 0
      const open = () =>
        Effect.andThen(
          Effect.acquireRelease(Effect.sync(() => opened++), () => Effect.sync(() => opened--)),
          VoiceError.fail(new VoiceError.ConnectionLost({ code: 1006, detail: "" }))
        )
      const { reason } = yield* Effect.flip(Connection.makeConnection(info, {}, open))
      assert.strictEqual(reason._tag, "ConnectionLost")
      assert.strictEqual(opened, 0)
    }).pipe(Effect.scoped))
})
