/**
 * Tests the bot of `discord.js-bot.ts` against the command `effect-discord-voice emulator`, with nothing but Node: the same
 * can be written in any language. Run with `node --test`, or as a program.
 */
import assert from "node:assert/strict"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { test, type TestContext } from "node:test"
import { getCACertificates, setDefaultCACertificates } from "node:tls"
import { fileURLToPath } from "node:url"

const file = (name: string) => fileURLToPath(new URL(name, import.meta.url))

/** The command of the installed package; in its own repository the one that was built. */
const cli = fileURLToPath(new URL("cli/bin.js", import.meta.resolve("effect-discord-voice")))

/** A line of the emulator: which fields there are depends on the event. */
interface Line {
  readonly event: string
  readonly id?: number
  readonly ok?: boolean
  readonly message?: string
  readonly user?: string
  readonly file?: { readonly intact: boolean }
  readonly cert?: string
  readonly rest?: string
  readonly channel?: string
  readonly token?: string
  readonly messages?: ReadonlyArray<{ readonly attachments: ReadonlyArray<{ readonly url: string }> }>
}

/** Starts the emulator, and gives all that it says, a way to tell it something, and its exit code at the end. */
const startEmulator = async (t: TestContext, ...flags: Array<string>) => {
  const child = spawn(process.execPath, [cli, "emulator", "--json", "--attached", "--strict", ...flags], {
    stdio: ["pipe", "pipe", "inherit"]
  })
  // a test that fails leaves no process behind
  t.after(() => child.kill())
  const ended = once(child, "close")
  const said: Array<Line> = []
  const lines = createInterface({ input: child.stdout })
  lines.on("line", (line) => said.push(JSON.parse(line)))
  const over = ended.then(() => {
    throw new Error(`the emulator has ended: ${JSON.stringify(said.at(-1))}`)
  })
  // it is looked at only while something is waited for
  over.catch(() => {})
  const nextLine = () => Promise.race([once(lines, "line"), over])
  await nextLine()
  assert.equal(said[0]?.event, "listening")

  let orders = 0
  const tell = async (order: { readonly do: string; readonly [option: string]: unknown }): Promise<Line> => {
    const id = ++orders
    child.stdin.write(`${JSON.stringify({ ...order, id })}\n`)
    while (true) {
      const answer = said.find((line) => line.event === "answer" && line.id === id)
      if (answer !== undefined) return answer
      await nextLine()
    }
  }
  const exitCode = async (): Promise<number> => {
    const [code] = await ended
    return code
  }
  return { said, tell, exitCode }
}

/** Lets this process trust the emulator's certificate from now on: `fetch`, and a bot that a test runs in here. */
const trust = (cert: string): void => setDefaultCACertificates([...getCACertificates(), cert])

const download = async (url: string): Promise<Buffer> => Buffer.from(await (await fetch(url)).arrayBuffer())

const exitOf = async (child: ChildProcess): Promise<number> => {
  const [code] = await once(child, "close")
  return code
}

test("the bot plays the whole song to whoever is in the channel, and leaves", { timeout: 60_000 }, async (t) => {
  const emulator = await startEmulator(t, "--tls", "--user", "guest")
  const { cert = "", channel, rest = "", token } = emulator.said[0] ?? {}

  // Node trusts the emulator's certificate because of a file that this variable names
  const folder = mkdtempSync(join(tmpdir(), "bot-test-"))
  t.after(() => rmSync(folder, { recursive: true }))
  const ca = join(folder, "ca.pem")
  writeFileSync(ca, cert)
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
  assert.equal(heard.ok, true, heard.message)
  assert.equal(heard.file?.intact, true)

  await emulator.tell({ do: "stop" })
  // with --strict the exit code says whether there were violations
  assert.equal(await emulator.exitCode(), 0, JSON.stringify(emulator.said))
  const happened = new Set(emulator.said.map(({ event, user }) => `${event} ${user}`))
  assert.ok(happened.has("join bot"))
  assert.ok(happened.has("leave bot"))
})

test("a file of a message is fetched over TLS", { timeout: 60_000 }, async (t) => {
  const emulator = await startEmulator(t, "--tls")
  const { cert = "" } = emulator.said[0] ?? {}
  trust(cert)
  await emulator.tell({ do: "write", content: "my song", files: [file("song.ogg")] })
  const { messages = [] } = await emulator.tell({ do: "messages", text: "my song" })
  const url = messages[0]?.attachments[0]?.url ?? ""
  assert.deepEqual(await download(url), readFileSync(file("song.ogg")))
})
