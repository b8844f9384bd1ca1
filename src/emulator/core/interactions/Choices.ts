/**
 * What a bot suggests while a user types an option of its command (Discord docs, Application Commands, Autocomplete).
 *
 * @since 0.1.0
 */
import * as Body from "../http/Body.ts"
import { badLength, ofText, type Problem, required } from "../http/FormProblems.ts"

/**
 * A suggestion for an option of a command.
 *
 * @category models
 * @since 0.1.0
 */
export interface Choice {
  readonly name: string
  readonly value: string | number
}

const most = 25

/**
 * The choices of an answer: at most 25, each with a name of 1 to 100 characters and a value that is a text of the same length
 * or a number. `undefined` for anything else.
 *
 * @category codecs
 * @since 0.1.0
 */
export const read = (data: unknown): ReadonlyArray<Choice> | undefined => {
  if (!Body.isObject(data) || !Array.isArray(data["choices"]) || data["choices"].length > most) return undefined
  const choices: Array<Choice> = []
  for (const { name, value } of Body.objectsOf(data["choices"])) {
    if (!Body.isText(name, 1, 100)) return undefined
    if (!Body.isText(value, 1, 100) && !(typeof value === "number" && Number.isFinite(value))) return undefined
    choices.push({ name, value })
  }
  return choices.length === data["choices"].length ? choices : undefined
}

/**
 * What is wrong with an answer that `read` does not accept.
 *
 * @category guards
 * @since 0.1.0
 */
export const problemsOf = (data: unknown): ReadonlyArray<Problem> => {
  const path = "data.choices"
  const choices = Body.isObject(data) ? data["choices"] : undefined
  if (!Array.isArray(choices)) return [required(path)]
  if (choices.length > most) return [badLength(path, most)]
  return choices.flatMap((choice: unknown, i) => problemsOfOne(`${path}.${i}`, choice))
}

const problemsOfOne = (path: string, choice: unknown): ReadonlyArray<Problem> => {
  const { name, value } = Body.isObject(choice) ? choice : {}
  const length = { least: 1, most: 100, isRequired: true }
  return [
    ...ofText(`${path}.name`, name, length),
    ...(typeof value === "number" && Number.isFinite(value)
      ? []
      : ofText(`${path}.value`, typeof value === "string" ? value : null, length))
  ]
}
