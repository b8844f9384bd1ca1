import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import type { StageRequest } from "../../src/Gateway.ts"
import type * as Rest from "../../src/gateway/Rest.ts"
import * as Stage from "../../src/gateway/Stage.ts"
import { ChannelId, GuildId } from "../../src/protocol/Identifier.ts"

/** Requests a part in the stage, and gives what Discord was asked. */
const set = (part: StageRequest["part"], status = 204, body: unknown = undefined) => {
  const asked: Array<unknown> = []
  const patch = (path: string, change: unknown) =>
    Effect.sync((): Rest.Answer => {
      asked.push(path, change)
      return { status, body, retryAfterMs: 0 }
    })
  const request = { guildId: GuildId.make("10"), channelId: ChannelId.make("20"), part }
  return Effect.as(Stage.set({ patch, request }), asked)
}

describe("Stage", () => {
  it.effect("requests to speak as of now", () =>
    Effect.gen(function*() {
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* set("request"), [
        "/guilds/10/voice-states/@me",
        { channel_id: "20", request_to_speak_timestamp: "1970-01-01T00:00:01.000Z" }
      ])
    }))

  for (const [part, suppress] of [["speaker", false], ["audience", true]] as const) {
    it.effect(`no longer requests to speak as ${part}`, () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* set(part), [
          "/guilds/10/voice-states/@me",
          { channel_id: "20", suppress, request_to_speak_timestamp: null }
        ])
      }))
  }

  it.effect("treats everything but success as a refusal, in Discord's words if there are any", () =>
    Effect.gen(function*() {
      for (
        const [status, body, told] of [
          [403, { message: "Missing Permissions" }, "(403): Missing Permissions"],
          [403, { message: `\u001b[2J${"m".repeat(1_000)}` }, `(403): \\u{1b}[2J${"m".repeat(196)}…`],
          [500, { message: 7 }, "(500)"],
          [502, undefined, "(502)"],
          [300, {}, "(300)"]
        ] as const
      ) {
        const { reason } = yield* Effect.flip(set("speaker", status, body))
        assert(reason._tag === "GatewayFailed")
        assert.strictEqual(reason.detail, `Discord refused to change the bot's part in the stage ${told}`)
      }
    }))
})
