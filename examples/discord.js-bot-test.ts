/**
 * Tests the bot in `discord.js-bot.ts` against an emulator in a separate process. Run it with `node --test`, or as a
 * program.
 */
import { EmulatorProcess } from "effect-discord-voice/testing"
import assert from "node:assert/strict"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { getCACertificates, setDefaultCACertificates } from "node:tls"
import { fileURLToPath } from "node:url"

const file = (name: string) => fileURLToPath(new URL(name, import.meta.url))

/** Makes this process trust the emulator's certificate, for `fetch` and for a bot that a test runs in this process. */
const trust = (cert: string): void => setDefaultCACertificates([...getCACertificates(), cert])

const download = async (url: string): Promise<Buffer> => Buffer.from(await (await fetch(url)).arrayBuffer())

const exitOf = async (child: ChildProcess): Promise<number> => {
  const [code] = await once(child, "close")
  return code
}

test("the bot plays the whole song to whoever is in the channel, and leaves", { timeout: 60_000 }, async (t) => {
  const emulator = await EmulatorProcess.start({ flags: ["--tls", "--strict", "--user", "guest"] })
  // also if the test fails, so that no process is left running
  t.after(() => emulator.stop())
  const { cert, channel, rest, token } = emulator.listening

  // NODE_EXTRA_CA_CERTS makes the bot's Node trust the emulator's certificate
  const folder = mkdtempSync(join(tmpdir(), "bot-test-"))
  t.after(() => rmSync(folder, { recursive: true }))
  const ca = join(folder, "ca.pem")
  writeFileSync(ca, cert ?? "")
  const bot = spawn(process.execPath, [file("discord.js-bot.ts")], {
    stdio: "inherit",
    env: {
      ...process.env,
      NODE_EXTRA_CA_CERTS: ca,
      DISCORD_API: rest.replace("/v10", ""),
      DISCORD_TOKEN: token,
      CHANNEL_ID: channel
    }
  })
  t.after(() => bot.kill())
  assert.equal(await exitOf(bot), 0)

  const heard = await emulator.tell({ do: "heard", user: "guest", from: "bot", frames: 150, file: file("song.ogg") })
  assert.equal(heard.file?.intact, true)

  // with --strict, the exit code says whether there were violations
  assert.equal(await emulator.stop(), 0, JSON.stringify(emulator.said))
  const happened = new Set(emulator.said.map(({ event, user }) => `${event} ${user}`))
  assert.ok(happened.has("join bot"))
  assert.ok(happened.has("leave bot"))
})

test("a file that is attached to a message can be downloaded over TLS", { timeout: 60_000 }, async (t) => {
  const emulator = await EmulatorProcess.start({ flags: ["--tls"] })
  t.after(() => emulator.stop())
  trust(emulator.listening.cert ?? "")
  await emulator.tell({ do: "write", content: "my song", files: [file("song.ogg")] })
  const { messages } = await emulator.tell({ do: "messages", text: "my song" })
  const url = messages[0]?.attachments[0]?.url ?? ""
  assert.deepEqual(await download(url), readFileSync(file("song.ogg")))
})
