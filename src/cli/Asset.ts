/**
 * The sound files that come with the command line.
 *
 * @since 0.1.0
 */
import { fileURLToPath } from "node:url"

/** From any folder directly below `src` or `dist`: the compiled code is in `dist/lib`. */
const folder = new URL("../cli/assets/", import.meta.url)

const pathOf = (file: string) => fileURLToPath(new URL(file, folder))

/**
 * Fourteen seconds of music.
 *
 * @category constants
 * @since 0.1.0
 */
export const music: string = pathOf("music.ogg")

/**
 * A question of three seconds.
 *
 * @category constants
 * @since 0.1.0
 */
export const question: string = pathOf("question.ogg")

/**
 * An answer of three seconds.
 *
 * @category constants
 * @since 0.1.0
 */
export const answer: string = pathOf("answer.ogg")
