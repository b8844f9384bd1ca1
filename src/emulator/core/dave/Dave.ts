/**
 * End-to-end encryption from the point of view of the rest of the voice half: the groups of all channels, and the messages of
 * scripted members.
 *
 * @since 0.1.0
 */
import type { ClientFrame, ServerFrame } from "../../../protocol/DaveFrame.ts"
import type { ClientMessage, ServerMessage, SessionDescription } from "../../../protocol/VoicePayload.ts"
import type { CoreContext, VoiceGrant, VoiceServerId } from "../CoreContext.ts"
import type { Room, Session } from "../voice/Session.ts"
import * as ExternalSender from "./ExternalSender.ts"
import * as Group from "./Group.ts"
import type { Group as OneGroup, GroupView } from "./Model.ts"

/**
 * The newest version of DAVE, and the only one so far.
 *
 * @category constants
 * @since 0.1.0
 */
export const newestVersion = 1

/**
 * The version that a session can have: none in channels that never have end-to-end encryption. The version of the voice gateway
 * does not matter: songbird 0.6 is encrypted on version 4 (serenity-rs/songbird#291).
 *
 * @category getters
 * @since 0.1.0
 */
export const versionOf = (
  context: CoreContext,
  e2ee: VoiceGrant["e2ee"],
  announced: number | undefined
): number => context.profile.e2ee && e2ee !== "never" ? Math.min(newestVersion, Math.max(0, announced ?? 0)) : 0

/**
 * @category models
 * @since 0.1.0
 */
export interface Dave {
  /** Tells that a session has been introduced to the others. */
  readonly enter: (session: Session) => void
  /** Tells that a session has ended, and the others know. */
  readonly leave: (session: Session) => void
  /** The version that a session description for this session has to name. What has to precede it is sent now. */
  readonly prepare: (session: Session) => number
  /** Tells that the session description is on its way. A scripted member gets it here. */
  readonly described: (session: Session, description: SessionDescription) => void
  /** Tells that the connection of a session is lost, and may be resumed. */
  readonly lost: (session: Session) => void
  /** Tells that a session has been resumed, and what it has missed was replayed. */
  readonly resumed: (session: Session) => void
  /**
   * Takes a binary message of a client, or a Ready or Invalid (ops 23 and 31). Returns false if it takes no part in encryption.
   */
  readonly receive: (session: Session, message: ClientFrame | ClientMessage) => boolean
  /** Passes a numbered message to a scripted member, once the current work is done. */
  readonly post: (session: Session, message: ServerMessage | ServerFrame) => void
  /** Runs work that sends messages to several members, whose answers wait until it is done. */
  readonly together: (work: () => void) => void
  /** Returns a function that takes the answers of a scripted member. */
  readonly answers: (session: () => Session | undefined) => (message: ClientMessage | ClientFrame) => void
  readonly group: (room: Room) => OneGroup | undefined
  readonly views: () => ReadonlyArray<GroupView & Pick<Session, "server" | "guildId" | "channelId">>
}

/** What scripted members are told: the rest has nothing to do with encryption. */
const postedOps = new Set<number>([4, 11, 13, 21, 22, 24, 25, 27, 29, 30])

/** More than the members of a full channel can cause at once: beyond it, they keep each other busy forever. */
const mostTasks = 50_000

interface Entry {
  readonly group: OneGroup
  readonly where: Pick<Session, "server" | "guildId" | "channelId">
}

/**
 * Makes the groups of one core. `tell` numbers a message and sends or posts it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  context: CoreContext,
  tell: (session: Session, message: ServerMessage | ServerFrame) => void
): Dave => {
  const groups = new Map<Room, Entry>()
  const senders = new Map<VoiceServerId, ExternalSender.ExternalSender>()
  const tasks: Array<() => void> = []
  let busy = false

  const senderOf = (server: VoiceServerId): ExternalSender.ExternalSender => {
    let sender = senders.get(server)
    if (sender === undefined) senders.set(server, sender = ExternalSender.make(context.random))
    return sender
  }

  const together: Dave["together"] = (work) => {
    tasks.push(work)
    if (busy) return
    busy = true
    try {
      let done = 0
      for (let task = tasks.shift(); task !== undefined; task = tasks.shift()) {
        task()
        if (++done < mostTasks) continue
        context.count("dave-runaway")
        tasks.length = 0
      }
    } finally {
      busy = false
    }
  }

  const entryOf = (session: Session): Entry => {
    let entry = groups.get(session.room)
    if (entry === undefined) {
      const { channelId, guildId, server } = session
      entry = {
        group: Group.make(context, channelId, () => senderOf(server), tell),
        where: { channelId, guildId, server }
      }
      groups.set(session.room, entry)
    }
    return entry
  }

  const groupOf = (session: Session): OneGroup | undefined => groups.get(session.room)?.group

  const handle = (session: Session, message: ClientFrame | ClientMessage): void => {
    const group = groupOf(session)
    if (session.ended || group === undefined) return
    switch (message.op) {
      case 23:
        return group.ready(session, message.d.transition_id)
      case 26:
        return group.keyPackage(session, message.keyPackage)
      case 28:
        return group.commit(session, message.payload)
      case 31:
        return group.invalid(session, message.d.transition_id)
    }
  }

  const receive: Dave["receive"] = (session, message) => {
    if (session.daveVersion === 0) return false
    // The bytes are used immediately: a client is never processed while work is going on, and a member's bytes are its own.
    together(() => handle(session, message))
    return true
  }

  const post: Dave["post"] = (session, message) => {
    const { member } = session
    if (member === undefined || !postedOps.has(message.op)) return
    together(() => {
      if (!session.ended) member.receive(message)
    })
  }

  return {
    enter: (session) => together(() => entryOf(session).group.enter(session)),
    leave: (session) =>
      together(() => {
        const group = groupOf(session)
        group?.leave(session)
        session.member?.close()
        if (group?.isEmpty() === true) groups.delete(session.room)
      }),
    prepare: (session) => {
      const group = groupOf(session)
      if (group === undefined) return 0
      if (context.profile.daveExternalSender === "before-description") group.sendSender(session)
      return group.version()
    },
    described: (session, description) =>
      together(() => {
        post(session, description)
        groupOf(session)?.described(session)
      }),
    lost: (session) => together(() => groupOf(session)?.lost(session)),
    resumed: (session) => together(() => groupOf(session)?.resumed(session)),
    receive,
    post,
    together,
    answers: (self) => (message) => {
      const session = self()
      if (session !== undefined) receive(session, message)
    },
    group: (room) => groups.get(room)?.group,
    views: () => Array.from(groups.values(), ({ group, where }) => ({ ...where, ...group.view() }))
  }
}
