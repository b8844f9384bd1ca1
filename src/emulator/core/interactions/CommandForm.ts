/**
 * What Discord accepts as a slash command and its options when a bot registers them (Discord docs, Application Commands,
 * Application Command Structure and Naming).
 *
 * @since 0.1.0
 */
import * as Body from "../http/Body.ts"
import { badLength, noChoice, ofText, type Problem, required } from "../http/FormProblems.ts"
import type { Json } from "../objects/DiscordObject.ts"

/** The types of a subcommand and of a group of subcommands. */
const [subcommand, group] = [1, 2]

const optionTypes: ReadonlySet<unknown> = new Set([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])

/** The maximum number of options of a command, and of choices of an option. */
const most = 25

const nameForm = /^[-_'\p{L}\p{N}\p{sc=Deva}\p{sc=Thai}]{1,32}$/u

/** Names are lower-case in scripts that have lower case. */
const problemsOfName = (path: string, name: unknown): ReadonlyArray<Problem> => {
  if (typeof name !== "string" || name === "") return [required(`${path}name`)]
  if (nameForm.test(name) && name === name.toLowerCase()) return []
  return [{ path: `${path}name`, code: "APPLICATION_COMMAND_INVALID_NAME", message: "Command name is invalid" }]
}

const problemsOfChoices = (path: string, { choices }: Json): ReadonlyArray<Problem> => {
  const all = Body.itemsOf(choices)
  if (all.length > most) return [badLength(`${path}choices`, most)]
  return Body.objectsOf(all).flatMap(({ name, value }, i) =>
    ofText(`${path}choices.${i}.name`, name, { least: 1, most: 100, isRequired: true })
      .concat(value === undefined || value === null ? [required(`${path}choices.${i}.value`)] : [])
  )
}

const problemsOfOptions = (path: string, options: unknown): ReadonlyArray<Problem> => {
  const all = Body.objectsOf(options)
  if (all.length > most) return [badLength(`${path}options`, most)]
  const names = new Set<unknown>()
  let isOptional = false
  const problems: Array<Problem> = []
  for (const [i, option] of all.entries()) {
    const inner = `${path}options.${i}.`
    if (!optionTypes.has(option["type"])) problems.push(noChoice(`${inner}type`, optionTypes))
    problems.push(...problemsOf(inner, option), ...problemsOfChoices(inner, option))
    if (names.has(option["name"])) {
      problems.push({
        path: `${path}options`,
        code: "APPLICATION_COMMAND_OPTIONS_NAME_INVALID",
        message: "Option names must be unique"
      })
    }
    names.add(option["name"])
    const isValue = option["type"] !== subcommand && option["type"] !== group
    if (isValue && option["required"] === true && isOptional) {
      problems.push({
        path: `${path}options.${i}`,
        code: "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID",
        message: "Required options must be placed before non-required options"
      })
    }
    isOptional ||= isValue && option["required"] !== true
  }
  return problems
}

/**
 * What is wrong with a slash command, or with an option, which has the same form; `path` precedes the names of its fields, with
 * a dot.
 *
 * @category guards
 * @since 0.1.0
 */
export const problemsOf = (path: string, { description, name, options }: Json): ReadonlyArray<Problem> => [
  ...problemsOfName(path, name),
  ...ofText(`${path}description`, description, { least: 1, most: 100, isRequired: true }),
  ...problemsOfOptions(path, options)
]
