/**
 * A poll, as a bot sends it and as Discord shows it (Discord docs, Resources, Poll).
 *
 * @since 0.1.0
 */
import * as Body from "../http/Body.ts"
import { badLength, noObject, ofInteger, ofText, type Problem, required } from "../http/FormProblems.ts"
import type { Json } from "../objects/DiscordObject.ts"

const longest = { question: 300, answer: 55 } as const

const mostAnswers = 10

/** The default and the maximum duration in hours: 32 days. */
const [usualHours, mostHours] = [24, 768]

const problemsOfAnswer = (path: string, answer: unknown): ReadonlyArray<Problem> => {
  const media = Body.isObject(answer) ? answer["poll_media"] : undefined
  if (!Body.isObject(media)) return [required(`${path}.poll_media`)]
  return ofText(`${path}.poll_media.text`, media["text"], { most: longest.answer, isRequired: true })
}

/**
 * What is wrong with a poll, which may be absent.
 *
 * @category guards
 * @since 0.1.0
 */
export const problemsOf = (path: string, poll: unknown): ReadonlyArray<Problem> => {
  if (poll === undefined || poll === null) return []
  if (!Body.isObject(poll)) return [noObject(path)]
  const answers = Body.itemsOf(poll["answers"])
  const question = Body.isObject(poll["question"]) ? poll["question"] : {}
  return [
    ...ofText(`${path}.question.text`, question["text"], { most: longest.question, isRequired: true }),
    ...ofInteger(`${path}.duration`, poll["duration"], 1, mostHours),
    ...(answers.length < 1 || answers.length > mostAnswers ? [badLength(`${path}.answers`, mostAnswers, 1)] : []),
    ...answers.slice(0, mostAnswers).flatMap((answer, i) => problemsOfAnswer(`${path}.answers.${i}`, answer))
  ]
}

/**
 * A poll before anybody has voted. `nowMs` is when it was created, in milliseconds of Unix time.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (poll: Json, nowMs: number): Json => {
  const { allow_multiselect: isMultiple, duration, layout_type: layout = 1, question } = poll
  const hours = typeof duration === "number" ? duration : usualHours
  return {
    question: { text: Body.isObject(question) ? question["text"] : "" },
    answers: Body.objectsOf(poll["answers"]).map(({ poll_media: media }, i) => ({
      answer_id: i + 1,
      poll_media: media
    })),
    expiry: new Date(nowMs + hours * 3_600_000).toISOString(),
    allow_multiselect: isMultiple === true,
    layout_type: layout,
    results: { is_finalized: false, answer_counts: [] }
  }
}
