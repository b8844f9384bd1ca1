/**
 * A connection to Discord's main gateway that is written without Effect, as a part of `own-gateway.ts`. It identifies,
 * sends heartbeats and reports every dispatch. It neither resumes nor reconnects.
 */
import { EventEmitter } from "node:events"

/** The fields of a gateway message that this connection uses. */
interface Message {
  readonly op: number
  readonly d: { readonly heartbeat_interval: number }
  readonly s: number | null
}

/** Guilds and GuildVoiceStates. */
const intents = 1 | (1 << 7)

/** Emits `dispatch` with each dispatch, and `close` when no more will come. */
export class RawConnection extends EventEmitter<{ dispatch: [unknown]; close: [] }> {
  readonly #socket: WebSocket
  #beat: NodeJS.Timeout | undefined
  #sequence: number | null = null

  constructor(url: string, token: string) {
    super()
    this.#socket = new WebSocket(`${url}/?v=10&encoding=json`)
    this.#socket.addEventListener("message", ({ data }) => {
      // the main gateway speaks JSON in text frames
      const message = JSON.parse(String(data)) as Message
      this.#sequence = message.s ?? this.#sequence
      if (message.op === 10) {
        this.#beat = setInterval(() => this.send({ op: 1, d: this.#sequence }), message.d.heartbeat_interval)
        this.send({ op: 2, d: { token, intents, properties: { os: "linux", browser: "raw", device: "raw" } } })
      }
      if (message.op === 0) this.emit("dispatch", message)
    })
    this.#socket.addEventListener("close", () => {
      clearInterval(this.#beat)
      this.emit("close")
    })
  }

  send(payload: unknown): boolean {
    if (this.#socket.readyState !== WebSocket.OPEN) return false
    this.#socket.send(JSON.stringify(payload))
    return true
  }

  close(): void {
    this.#socket.close(1000)
  }
}
