import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Result, Scheduler } from "effect"
import * as Gateway from "../../src/Gateway.ts"
import { ChannelId, GuildId } from "../../src/protocol/Identifier.ts"
import * as Claim from "../../src/session/Claim.ts"
import * as MockGateway from "../../src/testing/MockGateway.ts"

const guildId = GuildId.make("1")
const target = { channelId: ChannelId.make("2") }

describe("Claim", () => {
  it.effect("has one holder at a time, wherever fibers take turns", () =>
    Effect.gen(function*() {
      const gateway = yield* Gateway.Gateway
      for (let ops = 3; ops < 12; ops++) {
        const claimed = yield* Effect.scoped(Effect.all(
          Array.from({ length: 3 }, () => Effect.exit(Claim.claim(gateway, guildId, target))),
          { concurrency: "unbounded" }
        )).pipe(Effect.provideService(Scheduler.MaxOpsBeforeYield, ops))
        assert.strictEqual(claimed.filter(Exit.isSuccess).length, 1, `${ops} steps`)
        for (const exit of claimed.filter(Exit.isFailure)) {
          const error = Cause.findError(exit.cause)
          assert(Result.isSuccess(error))
          assert.strictEqual(error.success.reason._tag, "AlreadyJoined")
        }
      }
      yield* Effect.scoped(Claim.claim(gateway, guildId, target))
    }).pipe(Effect.provide(MockGateway.layer())))
})
