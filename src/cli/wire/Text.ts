/**
 * A wire log as the command line prints it.
 *
 * @since 0.1.0
 */
import { escaped } from "../../protocol/internal/printable.ts"
import type { Line } from "./Reading.ts"

const arrows = { in: "<-", out: "->" } as const

/**
 * Cuts a line to this many characters. What is cut off is in the file.
 *
 * @category formatting
 * @since 0.1.0
 */
export const fit = (text: string, width: number): string => text.length > width ? `${text.slice(0, width - 1)}…` : text

/**
 * One line, and one more for each finding. `width` is the maximum number of characters per line.
 *
 * @category formatting
 * @since 0.1.0
 */
export const text = ({ detail, entry, findings, title }: Line, width: number): string => {
  const at = (entry.at / 1_000).toFixed(3).padStart(10)
  const socket = ("socket" in entry ? entry.socket : "").padEnd(11)
  const arrow = "direction" in entry ? arrows[entry.direction] : "  "
  const shown = fit(escaped(`${at}  ${socket} ${arrow} ${title}${detail === "" ? "" : `  ${detail}`}`), width)
  return [shown, ...findings.map((finding) => fit(escaped(`${" ".repeat(27)}! ${finding}`), width))].join("\n")
}

/**
 * The same for a program: the entry of the file with its title and findings.
 *
 * @category formatting
 * @since 0.1.0
 */
export const json = ({ entry, findings, title }: Line): string =>
  JSON.stringify({ event: "entry", title, findings, entry })
