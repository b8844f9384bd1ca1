import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Group from "../Group.ts"
import * as Trial from "../Trial.ts"
import { scriptOf } from "./environment.ts"
import * as Visit from "./Visit.ts"

const script = scriptOf("discord.py", "bot_discord_py.py")

describe("discord.py 2.7.1, encrypted end to end", () => {
  it.live(
    "hears and is heard while others and we come and go",
    () => Group.othersComeAndGo(script, Visit.discordE2ee)
  )

  it.live(
    "shows the privacy code and the verification codes that the others show",
    () => Group.showsCodes(script, Visit.discordE2ee)
  )

  it.live(
    "goes without while somebody is there who cannot, and is encrypted afterwards",
    () => Group.goesWithout(script, Visit.discordE2ee)
  )

  it.live(
    "makes a call plain with its encryption off, until it leaves",
    () => Group.makesPlain(script, Visit.discordE2ee)
  )

  it.live("moves, is moved, cut off, kicked, leaves and comes back, and is in the group each time", () =>
    Visit.visit({ script, e2ee: true }).pipe(
      Effect.provide(Trial.us),
      Effect.scoped,
      Effect.provide(Visit.discordE2ee)
    ))

  it.live(
    "speaks in the clear until it is in the group (no thread is known)",
    () => Group.speaksTooEarly(script, Visit.discordE2ee)
  )
})
