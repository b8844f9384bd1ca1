import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Group from "../Group.ts"
import * as Trial from "../Trial.ts"
import { scriptOf } from "./environment.ts"
import * as Visit from "./Visit.ts"

const script = scriptOf("discord.py", "bot_discord_py.py")

describe("discord.py 2.7.1, end-to-end encrypted", () => {
  it.live(
    "hears and is heard while our client and others come and go",
    () => Group.othersComeAndGo(script, Visit.discordE2ee)
  )

  it.live(
    "shows the same privacy code and verification codes as the others",
    () => Group.showsCodes(script, Visit.discordE2ee)
  )

  it.live(
    "stops encrypting while a member who cannot is there, and encrypts again afterward",
    () => Group.goesWithout(script, Visit.discordE2ee)
  )

  it.live(
    "with its encryption off, makes a call unencrypted until it leaves",
    () => Group.makesPlain(script, Visit.discordE2ee)
  )

  it.live("moves, is moved, cut off and kicked, leaves and comes back, and is in the group each time", () =>
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
