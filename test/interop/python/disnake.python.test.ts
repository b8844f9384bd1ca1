import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Group from "../Group.ts"
import * as Trial from "../Trial.ts"
import { scriptOf } from "./environment.ts"
import * as Visit from "./Visit.ts"

const script = scriptOf("disnake", "bot_disnake.py")

describe("disnake 2.12.2", () => {
  it.live("sees the guild and who is in voice", () =>
    Visit.sees(script).pipe(Effect.scoped, Effect.provide(Visit.discord)))

  it.live("plays, moves, is moved, cut off, kicked and comes back", () =>
    Visit.visit({ script, listens: false, e2ee: false }).pipe(
      Effect.provide(Trial.us),
      Effect.scoped,
      Effect.provide(Visit.discord)
    ))

  it.live("shows the same privacy code and verification codes as the others", () =>
    Group.showsCodes(script, Visit.discordE2ee))

  it.live("plays, moves, is moved, cut off, kicked and comes back, end-to-end encrypted", () =>
    Visit.visit({ script, listens: false, e2ee: true }).pipe(
      Effect.provide(Trial.us),
      Effect.scoped,
      Effect.provide(Visit.discordE2ee)
    ))
})
