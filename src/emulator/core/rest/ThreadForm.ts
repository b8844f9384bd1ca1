/**
 * The properties of a thread that a bot starts or changes (Discord docs, Resources, Channel: Start Thread, and Modify Channel).
 *
 * @since 0.1.0
 */
import type { Change, Start } from "../guilds/Threads.ts"
import { invalidForm, noChoice, ofFlag, ofInteger, ofText } from "../http/FormProblems.ts"
import type { RestResponse } from "../http/RestAnswer.ts"
import type { Json } from "../objects/DiscordObject.ts"
import { autoArchiveMinutes } from "../Thread.ts"

/** Discord docs, Channel Types: those of threads in text channels. */
const [publicThread, privateThread] = [11, 12]

/** The default in minutes. */
const usualMinutes = 1_440

/** Six hours in seconds. */
const longestSlowmode = 21_600

/**
 * The new properties of a thread. A property that is left out keeps its value.
 *
 * @category codecs
 * @since 0.1.0
 */
export const read = (body: Json, isNew: boolean): Change | RestResponse => {
  const { archived, auto_archive_duration: minutes, invitable, locked, name, rate_limit_per_user: slowmode } = body
  const isGiven = minutes !== undefined && minutes !== null
  const known = autoArchiveMinutes.find((one) => one === minutes)
  const problems = [
    ...ofText("name", name, { least: 1, most: 100, isRequired: isNew || name !== undefined }),
    ...(isGiven && known === undefined ? [noChoice("auto_archive_duration", autoArchiveMinutes)] : []),
    ...ofInteger("rate_limit_per_user", slowmode, 0, longestSlowmode),
    ...ofFlag("archived", archived),
    ...ofFlag("locked", locked),
    ...ofFlag("invitable", invitable)
  ]
  if (problems.length > 0) return invalidForm(...problems)
  return {
    ...(typeof name === "string" ? { name: name.trim() } : {}),
    ...(known === undefined ? {} : { autoArchiveMinutes: known }),
    ...(typeof slowmode === "number" ? { slowmode } : {}),
    ...(typeof invitable === "boolean" ? { isInvitable: invitable } : {}),
    ...(typeof archived === "boolean" ? { isArchived: archived } : {}),
    ...(typeof locked === "boolean" ? { isLocked: locked } : {})
  }
}

/**
 * A thread to start. One that is started from a message is public; others are private unless requested otherwise.
 *
 * @category codecs
 * @since 0.1.0
 */
export const readStart = (body: Json, isFromMessage: boolean): Omit<Start, "from"> | RestResponse => {
  const type = isFromMessage ? publicThread : body["type"] ?? privateThread
  if (type !== publicThread && type !== privateThread) {
    return invalidForm(noChoice("type", [publicThread, privateThread]))
  }
  const form = read(body, true)
  if ("status" in form) return form
  return {
    name: form.name ?? "",
    isPrivate: type === privateThread,
    isInvitable: form.isInvitable ?? true,
    autoArchiveMinutes: form.autoArchiveMinutes ?? usualMinutes,
    slowmode: form.slowmode ?? 0
  }
}
