import { assert, describe, it } from "@effect/vitest"
import * as Similar from "../../../src/emulator/shell/Similar.ts"

const cases = (known: string, names: ReadonlyArray<string>, isFound: boolean) => {
  for (const name of names) {
    assert.strictEqual(Similar.find(name, ["guild's owner", known]), isFound ? known : undefined, name)
  }
}

describe("Similar", () => {
  it("finds the name that was meant where a letter is missing, added, wrong or swapped", () => {
    cases("bot", ["bo t", "Bot", "bott", "bit", "bto", "b-o-t"], true)
    cases("jukebox", ["jukbox", "juke box", "jukeboxx", "jukobxx", "Juekbox", "jukkebxo"], true)
    cases("music bot", ["music-bot", "MusicBot", "musci bot", "musik bott"], true)
  })

  it("leaves names alone that are meant to be alike, or are other names", () => {
    cases("bot", ["bot2", "bot 2", "2nd bot", "bot b", "other", "third", "dj", "b", "", "robot"], false)
    cases("bot a", ["bot b", "bot", "bot 1"], false)
    cases("jukebox", ["jukebox 2", "juggler", "jackdaw"], false)
    cases("dj", ["vj", "ej"], false)
  })
})
