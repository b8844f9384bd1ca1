/**
 * This side of the thread that keeps the groups (`daveWorker.ts`). The thread is started when the first group is used, and
 * serves all of them: a process whose calls need no encryption has no such thread. If it cannot be started, the groups are kept
 * in this thread.
 *
 * @since 0.1.0
 */
import type { ChannelId, UserId } from "../protocol/Identifier.ts"
import type { FrameRing } from "../ring/FrameRing.ts"
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
  /** Rejects with the reason, as a string, if it fails or the thread ends. */
  readonly ask: (ask: Ask) => Promise<Uint8Array | string | undefined>
  /** The membership as of the last answer. */
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
   * Makes a group that is created when it is first used. If it cannot be created, all requests reject with the reason. `onLost`
   * is called if the thread ends while it has the group.
   */
  readonly open: (userId: UserId, channelId: ChannelId, onLost: (detail: string) => void) => RemoteGroup
  readonly close: () => Promise<void>
}

interface Waiting<A> {
  readonly resolve: (value: A) => void
  readonly reject: (failure: string) => void
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Called if the thread could not be started, with the reason and what to do about it. */
  readonly onUnavailable: (detail: string) => void
  /** The thread's file. Default: the one next to this file. */
  readonly url?: URL | undefined
}

/** The number of frames of a group that the thread may leave unanswered. */
const framesUnderWay = 5_000

const ended = "the thread for end-to-end encryption has ended"
const closed = "the group is closed"

/** Copies bytes: a view would be sent with its whole buffer. */
const own = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes)

const detached = (ask: Ask): Ask => "bytes" in ask ? { ...ask, bytes: own(ask.bytes) } : ask

/**
 * The URL of the thread's file.
 *
 * @category getters
 * @since 0.1.0
 * @internal
 */
export const file = (): URL => HelperThread.fileBeside(import.meta.url, "daveWorker")

/** What a group needs from the thread. */
interface Keeper {
  /** Whether the thread has the group. */
  readonly has: (group: Remote) => boolean
  /** Adds the group, and starts the thread if there is none. */
  readonly add: (group: Remote) => void
  /** Removes the group. Returns false if the thread did not have it. */
  readonly remove: (group: Remote) => boolean
  /** Returns false if there is no thread. */
  readonly post: (message: ToGroups) => boolean
}

/** One per connection, and most calls need no encryption: its maps are created when they are first needed. */
class Remote implements RemoteGroup {
  readonly id: number
  readonly userId: UserId
  readonly channelId: ChannelId
  readonly #keeper: Keeper
  readonly #onLost: (detail: string) => void
  /** Why there is no group. */
  #failure: string | undefined = undefined
  #membership: MembershipState | undefined = undefined
  #requests: Map<number, Waiting<Uint8Array | string | undefined>> | undefined = undefined
  #decrypting: Map<number, (result: Decrypted) => void> | undefined = undefined
  /** What has arrived in this turn. */
  #batch: Array<Sealed> | undefined = undefined
  #lastRequest = 0
  #lastFrame = 0
  #lastLane = 0

  constructor(keeper: Keeper, id: number, userId: UserId, channelId: ChannelId, onLost: (detail: string) => void) {
    this.#keeper = keeper
    this.id = id
    this.userId = userId
    this.channelId = channelId
    this.#onLost = onLost
  }

  ask(ask: Ask): Promise<Uint8Array | string | undefined> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure)
      this.#need()
      // what arrived before a commit belongs before it
      this.#flush()
      const request = ++this.#lastRequest
      this.#requests ??= new Map()
      this.#requests.set(request, { resolve, reject })
      this.#keeper.post({ _tag: "Ask", group: this.id, request, ask: detached(ask) })
    })
  }

  membership(): MembershipState | undefined {
    return this.#membership
  }

  protect(ring: FrameRing, options: Protected.ProtectOptions): Protected.ProtectedFrames {
    const { buffer } = ring
    // a ring that cannot be shared stays plain, and a plain frame is not sent where encryption is required
    if (!(buffer instanceof SharedArrayBuffer)) return Protected.whenTaken(ring, options, () => undefined)
    const group = this.id
    const lane = ++this.#lastLane
    return Ahead.source(ring, options, {
      open: (ahead) => {
        this.#need()
        this.#keeper.post({ _tag: "Protect", group, lane, ring: buffer, ahead })
      },
      close: () => void this.#keeper.post({ _tag: "Unprotect", group, lane })
    })
  }

  decrypt(userId: UserId, bytes: Uint8Array, done: (result: Decrypted) => void): void {
    if (this.#failure !== undefined) return done("Undecryptable")
    if (!this.#keeper.has(this)) return done("NotMember")
    this.#decrypting ??= new Map()
    // a thread that does not answer is not given work forever
    if (this.#decrypting.size >= framesUnderWay) return done("Undecryptable")
    const id = ++this.#lastFrame
    this.#decrypting.set(id, done)
    const sealed = { id, userId, frame: own(bytes) }
    if (this.#batch !== undefined) return void this.#batch.push(sealed)
    this.#batch = [sealed]
    // everything that arrives in this turn goes in one message
    setImmediate(() => this.#flush())
  }

  close(): void {
    if (this.#keeper.remove(this)) this.#keeper.post({ _tag: "Close", group: this.id })
    this.#failure ??= closed
  }

  /** The group does not exist any more, or never did. */
  fail(failure: string): void {
    this.#failure = failure
    this.#membership = undefined
    for (const waiting of this.#requests?.values() ?? []) waiting.reject(failure)
    for (const done of this.#decrypting?.values() ?? []) done("Undecryptable")
    this.#requests = undefined
    this.#decrypting = undefined
  }

  /** The thread has ended. */
  lost(failure: string): void {
    this.fail(failure)
    this.#onLost(failure)
  }

  onAnswer({ membership, request, result }: Extract<FromGroups, { _tag: "Answer" }>): void {
    this.#membership = membership
    const waiting = this.#requests?.get(request)
    this.#requests?.delete(request)
    if (waiting === undefined) return
    if ("failure" in result) waiting.reject(result.failure)
    else waiting.resolve(result.value)
  }

  onDecrypted(id: number, result: Decrypted): void {
    const done = this.#decrypting?.get(id)
    this.#decrypting?.delete(id)
    done?.(result)
  }

  /** The group is needed: from here on the thread has it. */
  #need(): void {
    if (this.#failure === undefined && !this.#keeper.has(this)) this.#keeper.add(this)
  }

  #flush(): void {
    const frames = this.#batch
    if (frames === undefined) return
    this.#batch = undefined
    if (this.#keeper.post({ _tag: "Decrypt", group: this.id, frames })) return
    for (const { id } of frames) this.onDecrypted(id, "Undecryptable")
  }
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Thread => {
  let thread: HelperThread.HelperThread<ToGroups> | undefined
  const groups = new Map<number, Remote>()
  let lastId = 0

  const onMessage = (message: FromGroups): void => {
    const group = groups.get(message.group)
    if (group === undefined) return
    switch (message._tag) {
      case "Opened":
        if (message.failure !== undefined) group.fail(message.failure)
        return
      case "Answer":
        return group.onAnswer(message)
      case "Decrypted":
        for (const { frame, id } of message.frames) group.onDecrypted(id, frame)
    }
  }

  const onEnd = (failure: string): void => {
    thread = undefined
    const lost = Array.from(groups.values())
    groups.clear()
    for (const group of lost) group.lost(failure)
  }

  const start = (): HelperThread.HelperThread<ToGroups> =>
    HelperThread.start({
      name: "effect-discord-voice groups",
      url: options.url ?? file(),
      here: Groups.make,
      onMessage,
      onEnded: (detail) => onEnd(`${ended}: ${detail}`),
      onUnavailable: options.onUnavailable
    })

  const keeper: Keeper = {
    has: ({ id }) => groups.has(id),
    add: (group) => {
      const { channelId, id, userId } = group
      thread ??= start()
      groups.set(id, group)
      thread.post({ _tag: "Open", group: id, userId, channelId })
    },
    remove: ({ id }) => groups.delete(id),
    post: (message) => {
      thread?.post(message)
      return thread !== undefined
    }
  }

  return {
    open: (userId, channelId, onLost) => new Remote(keeper, ++lastId, userId, channelId, onLost),
    close: async () => {
      const former = thread
      onEnd(ended)
      await former?.close()
    }
  }
}
