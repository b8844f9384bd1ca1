/**
 * As much of a main gateway's client as joining takes, the same for both sides of the bench: plain code over `ws`.
 */
import { WebSocket } from "ws"

export interface Arguments {
  readonly gateway: string
  readonly token: string
  readonly guilds: ReadonlyArray<string>
  readonly channels: ReadonlyArray<string>
  /** Whether calls are end-to-end encrypted. */
  readonly e2ee: boolean
}

export const arguments_: Arguments = JSON.parse(process.argv[2] ?? "null")

/** What the emulator says when it is there. */
export interface Listening {
  readonly _tag: "Listening"
  readonly cert: string
  readonly arguments: Omit<Arguments, "e2ee">
}

/** What a player says when it has joined everywhere. */
export interface Joined {
  readonly _tag: "Joined"
  readonly joinMs: ReadonlyArray<number>
}

export interface Dispatch {
  readonly t: string
  readonly d: { readonly [field: string]: unknown }
}

/** Logs in, with the token of the arguments unless another is given, and then hands on every dispatch. */
export const login = (
  onDispatch: (dispatch: Dispatch) => void,
  token = arguments_.token
): Promise<{ readonly send: (payload: unknown) => void; readonly userId: string }> =>
  new Promise((resolve, reject) => {
    const socket = new WebSocket(`${arguments_.gateway}/?v=10&encoding=json`)
    const send = (payload: unknown) => socket.send(JSON.stringify(payload))
    let sequence: number | null = null
    socket.on("error", reject)
    socket.on("message", (data) => {
      const { d, op, s, t } = JSON.parse(String(data))
      if (typeof s === "number") sequence = s
      if (op === 10) {
        setInterval(() => send({ op: 1, d: sequence }), d.heartbeat_interval).unref()
        const properties = { os: "linux", browser: "bench", device: "bench" }
        send({ op: 2, d: { token, intents: 129, properties } })
      }
      if (op !== 0) return
      onDispatch({ t, d })
      if (t === "READY") resolve({ send, userId: d.user.id })
    })
  })

/** What a joiner does: joins one guild and says how long that took, and leaves. */
export interface Joiner {
  readonly join: (
    guildId: string,
    channelId: string
  ) => Promise<{ readonly ms: number; readonly leave: () => Promise<void> }>
}

/** Joins every guild in turn, and says how long each join took from asking to Session Description. */
export const run = async (make: () => Promise<Joiner>): Promise<void> => {
  process.on("disconnect", () => process.exit(0))
  const { join } = await make()
  const joinMs: Array<number> = []
  for (const [index, guildId] of arguments_.guilds.entries()) {
    const { leave, ms } = await join(guildId, arguments_.channels[index] ?? "")
    joinMs.push(ms)
    await leave()
  }
  const joined: Joined = { _tag: "Joined", joinMs }
  process.send?.(joined)
}
