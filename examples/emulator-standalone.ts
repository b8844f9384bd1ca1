/**
 * The emulator as a Discord at a URL, for any client. Here the client is Node's own `fetch` and `WebSocket`, which ask
 * for the gateway and log in. No token needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Redacted } from "effect"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"
import { once } from "node:events"

/** Logs in as the bot and returns the name of the first dispatch, which is READY. */
const login = async (url: string, token: string): Promise<string> => {
  const socket = new WebSocket(`${url}/?v=10&encoding=json`)
  const next = async () => {
    const [event] = await once(socket, "message")
    return JSON.parse(String(event.data))
  }
  const hello = await next()
  assert.equal(hello.op, 10)
  const properties = { os: "linux", browser: "example", device: "example" }
  socket.send(JSON.stringify({ op: 2, d: { token, intents: 129, properties } }))
  const ready = await next()
  socket.close()
  return ready.t
}

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const token = Redacted.value((yield* discord.user("bot")).token)

  const answer = yield* Effect.promise(async () => {
    const response = await fetch(`${discord.urls.rest}/gateway/bot`, { headers: { authorization: `Bot ${token}` } })
    return response.json()
  })
  yield* Effect.log(answer)

  assert.equal(yield* Effect.promise(() => login(discord.urls.gateway, token)), "READY")
  assert.deepEqual(yield* discord.violations, [])
}).pipe(Effect.provide(Emulator.layer()))

NodeRuntime.runMain(program)
