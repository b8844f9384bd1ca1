import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import * as EmulatorProcess from "../../src/testing/EmulatorProcess.ts"

const song = fileURLToPath(new URL("../../examples/song.ogg", import.meta.url))

const { EmulatorEnded, NotSaid, OrderRefused, start } = EmulatorProcess

const rejection = async (promise: Promise<unknown>): Promise<unknown> => {
  try {
    await promise
  } catch (error) {
    return error
  }
  return assert.fail("it was not rejected")
}

describe("EmulatorProcess", () => {
  it("carries out orders, reports events, and exits with 0 if nothing was wrong", async () => {
    const lines: Array<string> = []
    const emulator = await start({
      flags: ["--strict", "--user", "guest"],
      log: "ignore",
      onLine: ({ event }) => lines.push(event)
    })
    const { channel, rest, token, user } = emulator.listening
    const answer = await fetch(`${rest}/channels/${channel}`, { headers: { authorization: `Bot ${token}` } })
    assert.propertyVal(await answer.json(), "name", "lobby")

    const [second, guest] = await Promise.all([
      emulator.tell({ do: "createUser", name: "other", bot: true }),
      emulator.until(({ event }) => event === "join")
    ])
    assert.notStrictEqual(second.user, user)
    assert.notStrictEqual(second.token, token)
    assert.deepInclude(guest, { user: "guest", channel: "lobby" })
    // A line that was written before.
    assert.strictEqual(await emulator.until((line) => line === guest), guest)

    const broken = new Error("broken")
    const thrown = rejection(emulator.until(({ event }) => {
      if (event === "answer") throw broken
      return false
    }))
    assert.strictEqual(await thrown, broken)
    const waiting = rejection(emulator.until(({ user: name }) => {
      if (name === "late") throw broken
      return false
    }))
    await emulator.tell({ do: "join", user: "late" })
    assert.strictEqual(await waiting, broken)

    const refused = await rejection(emulator.tell({ do: "kick", user: "nobody" }))
    assert.instanceOf(refused, OrderRefused)
    assert.include(refused.message, "nobody")
    assert.deepStrictEqual(refused.order, { do: "kick", user: "nobody" })

    assert.strictEqual(await emulator.stop(), 0)
    assert.strictEqual(await emulator.stop(), 0)
    assert.deepStrictEqual(lines, emulator.said.map(({ event }) => event))
    assert.deepStrictEqual(emulator.said.at(-1), { event: "end", violations: 0, advice: 0 })
  })

  it("returns answers with the fields that their types declare", async () => {
    await using emulator = await start({ flags: ["--user", "guest"], log: "ignore" })
    const two = { do: "join", user: "two", channel: "lobby" } as const
    assert.deepInclude(await emulator.tell(two), { event: "answer", ok: true })
    const { frames } = await emulator.tell({ do: "speak", user: "two", to: "guest", file: song })
    const heard = await emulator.tell({
      do: "heard",
      user: "guest",
      from: "two",
      frames,
      timeoutMs: 60_000,
      file: song,
      level: true
    })
    assert.isAbove(frames, 100)
    assert.strictEqual(heard.frames, frames)
    assert.isAtLeast(heard.encrypted, frames)
    assert.isNumber(heard.silence)
    assert.isBelow(heard.levelDb ?? 0, 0)
    assert.deepInclude(heard.file, { frames, heard: frames, foreign: 0, repeated: 0, intact: true })
    assert.isAtLeast(heard.file?.largestGapMs ?? 0, 20)

    const { group } = await emulator.tell({ do: "e2ee", user: "guest" })
    assert.lengthOf(group?.members ?? [], 2)
    assert.lengthOf(group?.privacyCode ?? "", 30)
    assert.strictEqual(group?.version, 1)
    assert.isNumber(group?.epoch)
    const { channel, guild } = await emulator.tell({ do: "createChannel", name: "talk", guild: "other", kind: "text" })
    const { role } = await emulator.tell({ do: "createRole", name: "dj", permissions: ["MOVE_MEMBERS"] })
    const { sound } = await emulator.tell({ do: "createSound", name: "yay", file: song })
    await emulator.tell({ do: "sendSound", user: "guest", sound: "yay" })
    assert.strictEqual((await emulator.until(({ event }) => event === "effect"))["soundId"], sound)
    for (const id of [channel, guild, role, sound]) assert.match(id, /^\d{15,20}$/)
    const { message } = await emulator.tell({ do: "write", content: "hello", channel: "talk" })
    const { messages } = await emulator.tell({ do: "messages", channel: "talk", text: "hello" })
    assert.deepStrictEqual(messages.map(({ content, id }) => ({ content, id })), [{ content: "hello", id: message }])
    assert.deepInclude(await emulator.tell({ do: "verdicts" }), { violations: [], advice: [] })
    assert.isNumber((await emulator.tell({ do: "counters" })).counters["dave-epoch"])
  })

  it("waits for what is said after a moment, for a limited time", async () => {
    await using emulator = await start({ flags: ["--user", "guest"], log: "ignore" })
    const isLeave = ({ event, user }: EmulatorProcess.Line) => event === "leave" && user === "guest"
    await emulator.tell({ do: "leave", user: "guest" })
    const first = await emulator.until(isLeave)
    const from = emulator.said.length
    const second = emulator.until(isLeave, { from })
    await emulator.tell({ do: "join", user: "guest" })
    await emulator.tell({ do: "leave", user: "guest" })
    assert.notStrictEqual(await second, first)
    assert.strictEqual(await emulator.until(isLeave, { from }), await second)
    assert.strictEqual(await emulator.until(isLeave, { timeoutMs: 0 }), first)

    const never = await rejection(emulator.until(isLeave, { from: 1_000_000, timeoutMs: 20 }))
    assert.instanceOf(never, NotSaid)
    assert.strictEqual(never.message, "The emulator did not say it within 20 ms. It said nothing.")
    const moved = await rejection(emulator.until(({ event }) => event === "move", { from, timeoutMs: 20 }))
    assert.instanceOf(moved, NotSaid)
    assert.match(
      moved.message,
      /^The emulator did not say it within 20 ms\. It said last:\n[^]*"event":"join"[^]*\n[^]*"event":"leave"/
    )
    const all = await rejection(emulator.until(() => false, { timeoutMs: 0 }))
    assert.instanceOf(all, NotSaid)
    assert.notInclude(all.message, emulator.listening.token)
  })

  it("rejects orders and waits after it has ended", async () => {
    let ended
    {
      await using emulator = await start({ flags: ["--user", "guest"], log: "ignore" })
      ended = emulator
    }
    assert.instanceOf(await rejection(ended.tell({ do: "kick", user: "guest" })), EmulatorEnded)
    const waited = await rejection(ended.until(({ event }) => event === "login"))
    assert.instanceOf(waited, EmulatorEnded)
    assert.include(waited.message, "exited with code 0: {\"event\":\"end\"")
  })

  it("rejects pending waits when it is stopped", async () => {
    const emulator = await start({ flags: ["--user", "guest"], log: "ignore" })
    const heard = rejection(emulator.tell({ do: "heard", user: "guest", frames: 1 }))
    const login = rejection(emulator.until(({ event }) => event === "login"))
    assert.strictEqual(await emulator.stop(), 0)
    assert.instanceOf(await heard, OrderRefused)
    assert.instanceOf(await login, EmulatorEnded)
  })

  it("does not keep a program alive that forgot to stop it, and ends with the program", async () => {
    const module = new URL("../../src/testing/EmulatorProcess.ts", import.meta.url).href
    const script = `
      import { start } from ${JSON.stringify(module)}
      const { listening } = await start({ flags: ["--user", "guest"], log: "ignore" })
      process.stdout.write(listening.rest)
    `
    const { status, stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
      encoding: "utf8",
      timeout: 60_000
    })
    assert.strictEqual(status, 0)
    // Its port is closed sooner or later.
    const isThere = () => fetch(`${stdout}/gateway`).then(() => true, () => false)
    while (await isThere()) { /* Each request takes some time, so this does not spin. */ }
  })

  it("says why it cannot start", async () => {
    const taken = await rejection(start({ flags: ["--habit", "paddingRate=7"], log: "ignore" }))
    assert.instanceOf(taken, EmulatorEnded)
    assert.include(taken.message, "paddingRate")
    assert.instanceOf(await rejection(start({ flags: ["--no-such-flag"], log: "ignore" })), EmulatorEnded)
  })

  it("knows orders by their types", () => {
    const order: EmulatorProcess.Order = { do: "heard", user: "guest", frames: 3 }
    // @ts-expect-error: there is no such order
    const none: EmulatorProcess.Order = { do: "heed", user: "guest" }
    assert.notDeepEqual<unknown>(none, order)
  })
})
