import { assert, describe, it } from "@effect/vitest"
import { Intents } from "../../../../src/protocol/GatewayPayload.ts"
import { GuildId } from "../../../../src/protocol/Identifier.ts"
import * as Harness from "../Harness.ts"
import * as Sounds from "../sounds.ts"

describe("sounds that a test creates", () => {
  it("are announced like those of bots, with the owner as their creator", () => {
    const h = Harness.make()
    const client = h.login({ intents: Intents.GuildExpressions })
    const made = h.core.createSound(h.guildId, { name: "yay", data: Sounds.mp3(10), emoji: "🎉", volume: 0 })
    const { id } = made !== undefined && "id" in made ? made : assert.fail("it is made")
    const [told] = client.events("GUILD_SOUNDBOARD_SOUND_CREATE")
    assert.deepInclude(told, { sound_id: id, name: "yay", volume: 0, emoji_id: null, emoji_name: "🎉" })
    assert.deepNestedInclude(told, { "user.id": h.core.ownerOf(h.guildId)?.id })
    assert.deepStrictEqual(h.core.soundsOf(h.guildId).map(({ name }) => name), ["yay", "quack"])
    assert.deepStrictEqual(h.core.snapshot().sounds, [{ id, guildId: h.guildId, name: "yay", volume: 0 }])
    const file = { method: "GET", path: `/soundboard-sounds/${id}`, authorization: undefined, body: undefined }
    assert.strictEqual(h.core.rest(file).status, 200)
  })

  it("have the same limits as all sounds", () => {
    const h = Harness.make()
    const problemOf = (made: Parameters<typeof h.core.createSound>[1]) => {
      const sound = h.core.createSound(h.guildId, made)
      return sound !== undefined && "problem" in sound ? sound.problem : undefined
    }
    assert.strictEqual(problemOf({ name: "y" }), "the name must have 2 to 32 characters")
    assert.strictEqual(problemOf({ name: "y".repeat(33) }), "the name must have 2 to 32 characters")
    for (const volume of [-1, 2, NaN]) {
      assert.strictEqual(problemOf({ name: "yay", volume }), "the volume must be between 0 and 1")
    }
    assert.strictEqual(problemOf({ name: "yay", emoji: "yay" }), "\"yay\" is not an emoji")
    assert.strictEqual(problemOf({ name: "yay", data: Sounds.ogg(6) }), "the sound may last at most 5.2 seconds")
    assert.strictEqual(problemOf({ name: "yay", data: Sounds.ogg(0) }), "the file has no known duration")
    assert.strictEqual(problemOf({ name: "yay", data: Buffer.from("RIFF") }), "the file is neither MP3 nor Ogg")
    assert.strictEqual(
      problemOf({ name: "yay", data: Sounds.ogg(1, 530_000) }),
      "the file may have at most 524288 bytes"
    )
    for (let i = 0; i < 8; i++) assert.isUndefined(problemOf({ name: `sound ${i}` }))
    assert.strictEqual(problemOf({ name: "one more" }), "a guild can have at most 8 sounds")
    assert.isUndefined(h.core.createSound(GuildId.make("1"), { name: "yay" }))
    assert.deepStrictEqual(h.core.soundsOf(GuildId.make("1")).map(({ id }) => id), ["1"])
  })
})
