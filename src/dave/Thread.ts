/**
 * This side of the thread that keeps the groups (`daveWorker.ts`). The thread is started when the first group is asked for
 * something, and serves all of them: a process whose calls need no encryption has none. Where it cannot be started, the groups
 * are kept in this thread.
 *
 * @since 0.1.0
 */
import type { FrameRing } from "../driver/FrameRing.ts"
import type { ChannelId, UserId } from "../protocol/Identifier.ts"
import * as HelperThread from "../transport/HelperThread.ts"
import * as Ahead from "./Ahead.ts"
import * as Groups from "./Groups.ts"
import type { Ask, FromGroups, MembershipState, Sealed, ToGroups } from "./messages.ts"
import * as Protected from "./Protected.ts"

type Decrypted = Uint8Array | "NotMember" | "Undecryptable"

/**
 * A group in the other thread.
 *
 * @category models
 * @since 0.1.0
 */
export interface RemoteGroup {
  /** Rejects with why it failed, as a string; also when the thread ends. */
  readonly ask: (ask: Ask) => Promise<Uint8Array | string | undefined>
  /** As it was with the last answer. */
  readonly membership: () => MembershipState | undefined
  readonly protect: (ring: FrameRing, options: Protected.ProtectOptions) => Protected.ProtectedFrames
  readonly decrypt: (userId: UserId, frame: Uint8Array, done: (result: Decrypted) => void) => void
  readonly close: () => void
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Thread {
  /**
   * A group that is made when it is asked for something. If it cannot be, all that is asked rejects with why. `onLost` is
   * called when the thread ends while it has the group.
   */
  readonly open: (userId: UserId, channelId: ChannelId, onLost: (detail: string) => void) => RemoteGroup
  readonly close: () => Promise<void>
}

interface Waiting<A> {
  readonly resolve: (value: A) => void
  readonly reject: (failure: string) => void
}

interface Entry {
  readonly onLost: (detail: string) => void
  /** Why there is no group. */
  failure: string | undefined
  readonly requests: Map<number, Waiting<Uint8Array | string | undefined>>
  readonly decrypting: Map<number, (result: Decrypted) => void>
  membership: MembershipState | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** The thread could not be started: why, and what to do about it. */
  readonly onUnavailable: (detail: string) => void
  /** The thread's file. Default: the one beside this. */
  readonly url?: URL | undefined
}

/** Frames of a group that the thread has not answered. */
const framesUnderWay = 5_000

const ended = "the thread that keeps the groups has ended"
const closed = "the group is closed"

/** Bytes of their own: a view would be sent with all of its buffer. */
const own = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes)

const detached = (ask: Ask): Ask => "bytes" in ask ? { ...ask, bytes: own(ask.bytes) } : ask

/**
 * The thread's file.
 *
 * @category getters
 * @since 0.1.0
 * @internal
 */
export const file = (): URL => HelperThread.fileBeside(import.meta.url, "daveWorker")

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Thread => {
  let thread: HelperThread.HelperThread<ToGroups> | undefined
  const entries = new Map<number, Entry>()
  let lastId = 0

  /** There is no such group any more, or there never was. */
  const fail = (entry: Entry, failure: string): void => {
    entry.failure = failure
    entry.membership = undefined
    for (const waiting of entry.requests.values()) waiting.reject(failure)
    for (const done of entry.decrypting.values()) done("Undecryptable")
    entry.requests.clear()
    entry.decrypting.clear()
  }

  const onMessage = (message: FromGroups): void => {
    const entry = entries.get(message.group)
    if (entry === undefined) return
    switch (message._tag) {
      case "Opened":
        if (message.failure !== undefined) fail(entry, message.failure)
        return
      case "Answer": {
        entry.membership = message.membership
        const waiting = entry.requests.get(message.request)
        entry.requests.delete(message.request)
        if (waiting === undefined) return
        return "failure" in message.result
          ? waiting.reject(message.result.failure)
          : waiting.resolve(message.result.value)
      }
      case "Decrypted":
        for (const { frame, id } of message.frames) {
          const done = entry.decrypting.get(id)
          entry.decrypting.delete(id)
          done?.(frame)
        }
    }
  }

  const onEnd = (failure: string): void => {
    thread = undefined
    const lost = Array.from(entries.values())
    entries.clear()
    for (const entry of lost) {
      fail(entry, failure)
      entry.onLost(failure)
    }
  }

  const start = (): void => {
    thread ??= HelperThread.start({
      name: "effect-discord-voice groups",
      url: options.url ?? file(),
      here: Groups.make,
      onMessage,
      onEnded: (detail) => onEnd(`${ended}: ${detail}`),
      onUnavailable: options.onUnavailable
    })
  }

  const post = (message: ToGroups): void => thread?.post(message)

  const remote = (id: number, entry: Entry, open: ToGroups): RemoteGroup => {
    let request = 0
    let frame = 0
    let lane = 0
    let batch: Array<Sealed> = []

    /** The group is needed: from here on the thread has it. */
    const need = (): void => {
      if (entry.failure !== undefined || entries.has(id)) return
      start()
      entries.set(id, entry)
      post(open)
    }

    const flush = (): void => {
      const frames = batch
      batch = []
      if (thread !== undefined) return post({ _tag: "Decrypt", group: id, frames })
      for (const { id: number } of frames) {
        const done = entry.decrypting.get(number)
        entry.decrypting.delete(number)
        done?.("Undecryptable")
      }
    }

    return {
      ask: (ask) =>
        new Promise((resolve, reject) => {
          if (entry.failure !== undefined) return reject(entry.failure)
          need()
          // what came before a commit belongs before it
          if (batch.length > 0) flush()
          const number = ++request
          entry.requests.set(number, { resolve, reject })
          post({ _tag: "Ask", group: id, request: number, ask: detached(ask) })
        }),
      membership: () => entry.membership,
      protect: (ring, options) => {
        const { buffer } = ring
        // a ring that cannot be shared stays plain, and a plain frame is not sent where it has to be encrypted
        if (!(buffer instanceof SharedArrayBuffer)) return Protected.whenTaken(ring, options, () => undefined)
        const number = ++lane
        return Ahead.source(ring, options, {
          open: (ahead) => {
            need()
            post({ _tag: "Protect", group: id, lane: number, ring: buffer, ahead })
          },
          close: () => post({ _tag: "Unprotect", group: id, lane: number })
        })
      },
      decrypt: (userId, bytes, done) => {
        if (entry.failure === undefined && !entries.has(id)) return done("NotMember")
        // a thread that does not answer is not fed for ever
        if (entry.failure !== undefined || entry.decrypting.size >= framesUnderWay) return done("Undecryptable")
        const number = ++frame
        entry.decrypting.set(number, done)
        batch.push({ id: number, userId, frame: own(bytes) })
        // all that came in this turn goes in one message
        if (batch.length === 1) setImmediate(() => batch.length > 0 && flush())
      },
      close: () => {
        if (entries.delete(id)) post({ _tag: "Close", group: id })
        entry.failure ??= closed
      }
    }
  }

  return {
    open: (userId, channelId, onLost) => {
      const id = ++lastId
      const entry: Entry = {
        onLost,
        failure: undefined,
        requests: new Map(),
        decrypting: new Map(),
        membership: undefined
      }
      return remote(id, entry, { _tag: "Open", group: id, userId, channelId })
    },
    close: async () => {
      const former = thread
      onEnd(ended)
      await former?.close()
    }
  }
}
