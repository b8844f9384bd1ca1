/**
 * What Discord accepts as an embed (Discord docs, Resources, Message, Embed Limits).
 *
 * @since 0.1.0
 */
import * as Body from "../http/Body.ts"
import { badLength, noItem, noObject, ofInteger, ofText, ofUrl, type Problem, required } from "../http/FormProblems.ts"
import type { Json } from "../objects/DiscordObject.ts"

const most = { embeds: 10, fields: 25, characters: 6_000 } as const

const longest = {
  title: 256,
  description: 4_096,
  name: 256,
  value: 1_024,
  footer: 2_048,
  author: 256
} as const

/** An image may be a file of the message. */
const ofFile = ["attachment"]

/** An embed needs at least one of these. */
const shown = ["title", "description", "author", "footer", "image", "thumbnail", "video", "timestamp"] as const

const isThere = (value: unknown): boolean => value !== undefined && value !== null && value !== ""

const inside = (object: Json, field: string): Json => {
  const value = object[field]
  return Body.isObject(value) ? value : {}
}

const notIn = (path: string, value: unknown): Problem => value === null ? noItem(path) : noObject(path)

const problemsOfField = (path: string, field: unknown): ReadonlyArray<Problem> =>
  Body.isObject(field)
    ? [
      ...ofText(`${path}.name`, field["name"], { most: longest.name, isRequired: true }),
      ...ofText(`${path}.value`, field["value"], { most: longest.value, isRequired: true })
    ]
    : [notIn(path, field)]

const problemsOfOne = (path: string, embed: Json): ReadonlyArray<Problem> => {
  const fields = Body.itemsOf(embed["fields"])
  const [author, footer, image, thumbnail] = ["author", "footer", "image", "thumbnail"].map((key) => inside(embed, key))
  const isEmpty = fields.length === 0 && !shown.some((key) => isThere(embed[key]))
  return [
    ...(isEmpty ? [required(`${path}.description`)] : []),
    ...ofText(`${path}.title`, embed["title"], { most: longest.title }),
    ...ofText(`${path}.description`, embed["description"], { most: longest.description }),
    ...ofUrl(`${path}.url`, embed["url"]),
    ...ofInteger(`${path}.color`, embed["color"], 0, 0xff_ffff),
    ...ofText(`${path}.footer.text`, footer?.["text"], { most: longest.footer }),
    ...ofUrl(`${path}.footer.icon_url`, footer?.["icon_url"], ofFile),
    ...ofText(`${path}.author.name`, author?.["name"], {
      most: longest.author,
      isRequired: Body.isObject(embed["author"])
    }),
    ...ofUrl(`${path}.author.url`, author?.["url"]),
    ...ofUrl(`${path}.author.icon_url`, author?.["icon_url"], ofFile),
    ...ofUrl(`${path}.image.url`, image?.["url"], ofFile),
    ...ofUrl(`${path}.thumbnail.url`, thumbnail?.["url"], ofFile),
    ...(fields.length > most.fields ? [badLength(`${path}.fields`, most.fields)] : []),
    ...fields.slice(0, most.fields).flatMap((field, i) => problemsOfField(`${path}.fields.${i}`, field))
  ]
}

/** The texts whose characters are counted together. */
const textsOf = (embed: Json): ReadonlyArray<unknown> => [
  embed["title"],
  embed["description"],
  inside(embed, "footer")["text"],
  inside(embed, "author")["name"],
  ...Body.objectsOf(embed["fields"]).flatMap(({ name, value }) => [name, value])
]

/**
 * What is wrong with the embeds of a message; `path` is their place.
 *
 * @category guards
 * @since 0.1.0
 */
export const problemsOf = (path: string, value: unknown): ReadonlyArray<Problem> => {
  const embeds = Body.itemsOf(value)
  if (embeds.length > most.embeds) return [badLength(path, most.embeds)]
  const problems = embeds.flatMap((embed, i) =>
    Body.isObject(embed) ? problemsOfOne(`${path}.${i}`, embed) : [notIn(`${path}.${i}`, embed)]
  )
  if (problems.length > 0) return problems
  const characters = Body.objectsOf(embeds).flatMap(textsOf).reduce<number>(
    (sum, text) => sum + (typeof text === "string" ? Body.lengthOf(text) : 0),
    0
  )
  return characters <= most.characters ? [] : [{
    path,
    code: "MAX_EMBED_SIZE_EXCEEDED",
    message: `Embed size exceeds maximum size of ${most.characters}`
  }]
}
