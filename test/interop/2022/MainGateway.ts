/**
 * A handwritten main gateway client with only what a voice adapter needs: Hello, Identify, heartbeats, Update Voice
 * State, and the dispatches. It does not resume: the tests do not interrupt its connection.
 */
import { WebSocket } from "ws"

export interface Dispatch {
  readonly t: string
  readonly d: { readonly [field: string]: unknown }
}

interface Message {
  readonly op: number
  readonly t: string | null
  readonly s: number | null
  readonly d: { readonly [field: string]: unknown }
}

/** GUILDS and GUILD_VOICE_STATES. */
const intents = (1 << 0) | (1 << 7)

/** Logs in; `onDispatch` receives every event. Returns a function that sends a payload. */
export const connect = (options: {
  readonly url: string
  readonly token: string
  readonly onDispatch: (dispatch: Dispatch) => void
  readonly onClosed: (code: number) => void
}): (payload: unknown) => void => {
  const socket = new WebSocket(`${options.url}/?v=10&encoding=json`)
  const send = (payload: unknown) => socket.send(JSON.stringify(payload))
  let sequence: number | null = null
  const beat = () => send({ op: 1, d: sequence })

  socket.on("message", (text) => {
    // the emulator writes what Discord does
    const message = JSON.parse(String(text)) as Message
    if (message.s !== null) sequence = message.s
    if (message.op === 10) {
      setInterval(beat, Number(message.d["heartbeat_interval"]))
      send({
        op: 2,
        d: { token: options.token, intents, properties: { os: "linux", browser: "by-hand", device: "by-hand" } }
      })
    } else if (message.op === 1) beat()
    else if (message.op === 0 && message.t !== null) options.onDispatch({ t: message.t, d: message.d })
  })
  socket.on("close", options.onClosed)
  return send
}
