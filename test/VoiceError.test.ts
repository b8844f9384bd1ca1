import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Schema } from "effect"
import { inspect } from "node:util"
import * as CloseCode from "../src/protocol/CloseCode.ts"
import { ChannelId, GuildId } from "../src/protocol/Identifier.ts"
import * as VoiceError from "../src/VoiceError.ts"

const encode = Schema.encodeUnknownEffect(VoiceError.VoiceError)
const decode = Schema.decodeUnknownEffect(VoiceError.VoiceError)

describe("VoiceError", () => {
  it("has a reason for every voice close code, with the wording of the table", () => {
    for (const { code, meaning, name, remedy } of CloseCode.voiceTable) {
      const reason = VoiceError.Reason.members.find((member) => member.identifier.endsWith(`/${name}`))
      assert.isDefined(reason, name)
      const made = VoiceError.make(
        Schema.decodeUnknownSync(VoiceError.Reason)({ _tag: name, code, detail: "why" } as unknown)
      )
      assert.strictEqual(made.reason._tag, name)
      assert.include(made.message, meaning)
      assert.include(made.message, remedy)
      assert.include(made.message, `${code}: why`)
    }
  })

  it("shows reason, message and place wherever it is printed", () => {
    const error = VoiceError.make(
      new VoiceError.SourceFailed({
        source: "song.ogg",
        kind: "NotFound",
        positionMs: 0,
        detail: "there is no such file"
      })
    )
    const { message } = error
    const shown = `effect-discord-voice/VoiceError/SourceFailed: ${message}`
    assert.strictEqual(String(error), shown)
    assert.include(Cause.pretty(Cause.fail(error)), shown)
    assert.deepStrictEqual(JSON.parse(JSON.stringify(error)), {
      _tag: "VoiceError",
      message,
      reason: {
        _tag: "SourceFailed",
        source: "song.ogg",
        kind: "NotFound",
        positionMs: 0,
        detail: "there is no such file"
      }
    })
    const inspected = inspect({ error })
    assert.include(inspected, shown)
    assert.include(inspected, "VoiceError.test.ts")
    assert.include(inspected, "kind: 'NotFound'")
    assert.include(inspect({ a: { b: { c: { error } } } }, { depth: 3 }), `[${shown}]`)
  })

  it("shows the cause beneath a reason", () => {
    const cause = new Error("the disk is gone")
    const error = VoiceError.make(
      new VoiceError.SourceFailed({ source: "a", kind: "Failed", positionMs: 0, detail: "it failed", cause })
    )
    assert.include(inspect(error), "the disk is gone")
  })

  it.effect.prop("survives encoding, cloning and decoding", [VoiceError.Reason], ([reason]) =>
    Effect.gen(function*() {
      const error = VoiceError.make(reason)
      const back = yield* decode(structuredClone(yield* encode(error)))
      assert.deepStrictEqual(back.reason, reason)
      assert.strictEqual(back.message, error.message)
    }))

  it.effect("can be handled by the name of its reason", () =>
    Effect.gen(function*() {
      const kicked = VoiceError.fail(
        new VoiceError.Kicked({ guildId: GuildId.make("1"), channelId: ChannelId.make("2") })
      )
      const program = kicked.pipe(
        Effect.as("never"),
        Effect.catchReasons("VoiceError", {
          Kicked: (reason) => Effect.succeed(`kicked from ${reason.channelId}`),
          JoinTimedOut: (reason) => Effect.succeed(reason.message)
        })
      )
      assert.strictEqual(yield* program, "kicked from 2")
      const unwrapped = yield* kicked.pipe(Effect.unwrapReason("VoiceError"), Effect.flip)
      assert.strictEqual(unwrapped._tag, "Kicked")
    }))
})
