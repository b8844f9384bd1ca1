/**
 * Keeps the groups for `Thread.ts`, in a thread of their own (`daveWorker.ts`): in a large call MLS takes tens of milliseconds,
 * during which the beat of all other calls has to continue. Frames are encrypted ahead into shared memory; received ones are
 * passed in messages. If no such thread is possible, this runs in the thread of the beat.
 *
 * @since 0.1.0
 */
import type { Helper } from "../transport/HelperThread.ts"
import * as Ahead from "./Ahead.ts"
import * as Davey from "./Davey.ts"
import type { Ask, FromGroups, ToGroups } from "./messages.ts"

interface Group {
  readonly engine: Davey.Engine
  readonly lanes: Map<number, Ahead.Writer>
}

/** How often lanes are checked, in milliseconds. Frames are encrypted further ahead than that. */
const fillIntervalMs = 5

const fill = (group: Group): void => {
  for (const lane of group.lanes.values()) lane.fill(group.engine.encrypt)
}

const answer = async ({ engine }: Group, ask: Ask): Promise<Uint8Array | string | undefined> => {
  switch (ask._tag) {
    case "create":
      return engine.create(ask.version)
    case "external-sender":
      engine.setExternalSender(ask.bytes)
      return undefined
    case "proposals":
      return engine.proposals(ask.operation, ask.bytes, ask.recognised)
    case "commit":
      engine.commit(ask.bytes)
      return undefined
    case "welcome":
      engine.welcome(ask.bytes)
      return undefined
    case "verification-code":
      return await engine.verificationCode(ask.userId)
  }
}

/**
 * `post` receives the answers.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (post: (message: FromGroups) => void): Helper<ToGroups> => {
  const groups = new Map<number, Group>()
  let filling: NodeJS.Timeout | undefined

  /** Runs only while there is something to encrypt. */
  const schedule = (): void => {
    const isBusy = Array.from(groups.values()).some(({ lanes }) => lanes.size > 0)
    if (isBusy && filling === undefined) {
      filling = setInterval(() => {
        for (const group of groups.values()) fill(group)
      }, fillIntervalMs)
      // must not keep a program alive whose connections are closed
      filling.unref()
    } else if (!isBusy) {
      clearInterval(filling)
      filling = undefined
    }
  }

  const onAsk = async (id: number, group: Group, request: number, ask: Ask): Promise<void> => {
    const epoch = group.engine.membership()?.epoch
    const result = await answer(group, ask).then(
      (value) => ({ value }),
      (cause: unknown) => ({ failure: Davey.causeOf(cause) })
    )
    const membership = group.engine.membership()
    // frames encrypted for the previous epoch and not sent yet are encrypted again immediately
    if (membership?.epoch !== epoch || ask._tag === "create") {
      for (const lane of group.lanes.values()) lane.restart()
      fill(group)
    }
    post({ _tag: "Answer", group: id, request, result, membership })
  }

  const onMessage = (message: ToGroups): void => {
    if (message._tag === "Open") {
      const engine = Davey.make(message.userId, message.channelId)
      if ("failure" in engine) return post({ _tag: "Opened", group: message.group, failure: engine.failure })
      groups.set(message.group, { engine, lanes: new Map() })
      return post({ _tag: "Opened", group: message.group, failure: undefined })
    }
    const group = groups.get(message.group)
    if (group === undefined) return
    switch (message._tag) {
      case "Ask":
        return void onAsk(message.group, group, message.request, message.ask)
      case "Protect":
        group.lanes.set(message.lane, Ahead.writer(message.ring, message.ahead))
        fill(group)
        return schedule()
      case "Unprotect":
        group.lanes.delete(message.lane)
        return schedule()
      case "Decrypt":
        return post({
          _tag: "Decrypted",
          group: message.group,
          frames: message.frames.map(({ frame, id, userId }) => ({ id, frame: group.engine.decrypt(userId, frame) }))
        })
      case "Close":
        group.engine.close()
        groups.delete(message.group)
        return schedule()
    }
  }

  return {
    receive: onMessage,
    close: () => {
      for (const { engine } of groups.values()) engine.close()
      groups.clear()
      schedule()
    }
  }
}
