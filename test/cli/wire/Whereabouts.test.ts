import { assert, describe, it } from "@effect/vitest"
import { Whereabouts } from "../../../src/cli/wire/Whereabouts.ts"

const [guild, home, other] = ["1", "10", "11"]

/** A bot with the id 30 that has asked to join its channel and is there. */
const joined = () => {
  const whereabouts = new Whereabouts()
  const asks = (channel_id: string | null, op = 4) =>
    whereabouts.sent({ op, d: { guild_id: guild, channel_id, self_mute: false, self_deaf: false } })
  const shows = (channel_id: string | null, user_id = "30") =>
    whereabouts.received({ op: 0, t: "VOICE_STATE_UPDATE", d: { guild_id: guild, channel_id, user_id } })
  assert.deepStrictEqual(whereabouts.received({ op: 0, t: "READY", d: { user: { id: "30" } } }), [])
  asks(home)
  assert.deepStrictEqual(shows(home), [])
  return { asks, shows }
}

const moved = [`the bot was moved to channel ${other}, and has not asked for that`]
const sentAway = ["the bot was taken out of its channel, and has not asked for that"]

describe("Whereabouts", () => {
  it("report once that the bot was moved or removed without having asked", () => {
    const { shows } = joined()
    assert.deepStrictEqual(shows(other), moved)
    assert.deepStrictEqual(shows(other), [], "how it is shown there has changed")
    assert.deepStrictEqual(shows(null), sentAway)
    assert.deepStrictEqual(shows(null), [])
  })

  it("do not report what the bot has asked for", () => {
    const { asks, shows } = joined()
    asks(other)
    assert.deepStrictEqual(shows(other), [])
    asks(null)
    assert.deepStrictEqual(shows(null), [])
  })

  it("do not take other messages of the bot for a request", () => {
    const { asks, shows } = joined()
    asks(other, 3)
    assert.deepStrictEqual(shows(other), moved)
  })

  it("do not report other users, or a join whose request they have not seen", () => {
    const { shows } = joined()
    assert.deepStrictEqual(shows(other, "31"), [])
    const whereabouts = new Whereabouts()
    whereabouts.received({ op: 0, t: "READY", d: { user: { id: "30" } } })
    const d = { guild_id: guild, channel_id: home, user_id: "30" }
    assert.deepStrictEqual(whereabouts.received({ op: 0, t: "VOICE_STATE_UPDATE", d }), [])
  })
})
