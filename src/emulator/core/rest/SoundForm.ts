/**
 * The properties of a sound over REST (Discord docs, Resources, Soundboard, Create and Modify Guild Soundboard Sound).
 *
 * @since 0.1.0
 */
import * as SoundFile from "../guilds/SoundFile.ts"
import * as Body from "../http/Body.ts"
import { invalidForm, ofNumber, ofSnowflake, ofText, required } from "../http/FormProblems.ts"
import { error, type RestResponse } from "../http/RestAnswer.ts"
import * as Emoji from "../messages/Emoji.ts"
import type { Json } from "../objects/DiscordObject.ts"
import type * as World from "../World.ts"

/** Discord documents the codes but not the status. */
const refusals: { readonly [problem in SoundFile.Problem]: RestResponse } = {
  "too-large": error(400, 50045, "File uploaded exceeds the maximum size"),
  "wrong-type": error(400, 50123, "The provided file type is invalid."),
  "too-long": error(400, 50124, "The provided file duration exceeds maximum of 5.2 seconds."),
  "no-duration": error(400, 50192, "The provided file does not have a valid duration.")
}

const noFile = error(400, 50110, "The provided file is invalid.")
const unknownEmoji = error(404, 10014, "Unknown Emoji")
const invalidEmoji = error(400, 50151, "The specified emoji is invalid")

const fileIn = (sound: unknown): NonNullable<World.Sound["file"]> | RestResponse => {
  const [, base64] = typeof sound === "string" ? /^data:[^,]*;base64,([\w+/=-]+)$/.exec(sound) ?? [] : []
  if (base64 === undefined) return noFile
  const file = SoundFile.read(Buffer.from(base64, "base64"))
  return typeof file === "string" ? refusals[file] : file
}

/** `undefined` if the field is absent. Which of the two counts if both are given is undocumented: here it is the guild's. */
const emojiIn = (
  { emoji_id: sentId, emoji_name: name }: Json,
  emojis: ReadonlyMap<string, unknown> | undefined
): World.Sound["emoji"] | undefined | RestResponse => {
  if (sentId === undefined && name === undefined) return undefined
  const id = Body.idOf(sentId)
  if (id !== undefined) return emojis?.has(id) === true ? { id, name: null } : unknownEmoji
  if (name === undefined || name === null) return { id: null, name: null }
  return typeof name === "string" && Emoji.isOfUnicode(name) ? { id: null, name } : invalidEmoji
}

type Looks = Partial<Pick<World.Sound, "name" | "volume" | "emoji">>

/**
 * The changes, or what is wrong with them. A volume of `null` is 1.
 *
 * @category codecs
 * @since 0.1.0
 */
export const change = (body: Json, emojis: ReadonlyMap<string, unknown> | undefined): Looks | RestResponse => {
  const { name, volume } = body
  const problems = [
    ...ofText("name", name, { least: 2, most: 32, isRequired: name !== undefined }),
    ...ofNumber("volume", volume, 0, 1),
    ...ofSnowflake("emoji_id", body["emoji_id"])
  ]
  if (problems.length > 0) return invalidForm(...problems)
  const emoji = emojiIn(body, emojis)
  if (emoji !== undefined && "status" in emoji) return emoji
  return {
    ...(typeof name === "string" ? { name } : {}),
    ...(volume === undefined ? {} : { volume: typeof volume === "number" ? volume : 1 }),
    ...(emoji === undefined ? {} : { emoji })
  }
}

/**
 * A new sound, or what is wrong with it.
 *
 * @category codecs
 * @since 0.1.0
 */
export const create = (
  body: Json,
  emojis: ReadonlyMap<string, unknown> | undefined
): Pick<World.Sound, "name" | "volume" | "emoji" | "file"> | RestResponse => {
  const missing = [
    ...ofText("name", body["name"], { least: 2, most: 32, isRequired: true }),
    ...(body["sound"] === undefined || body["sound"] === null ? [required("sound")] : [])
  ]
  if (missing.length > 0) return invalidForm(...missing)
  const looks = change(body, emojis)
  if ("status" in looks) return looks
  const file = fileIn(body["sound"])
  if ("status" in file) return file
  return { volume: 1, emoji: { id: null, name: null }, ...looks, name: String(body["name"]), file }
}
