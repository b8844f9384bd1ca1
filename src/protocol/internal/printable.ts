/**
 * Text of others on its way into our errors and logs: a terminal obeys control characters, a log has one entry a line, and neither is the
 * place for megabytes.
 *
 * @since 0.1.0
 */

/** How much of a text is shown, in UTF-16 code units. */
const most = 200

/** Control and format characters (those that turn the direction of what follows are among them), ends of lines, and halves of pairs. */
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

/**
 * A text without any characters that do more than to be seen: those are written as `\u{1b}`.
 *
 * @category formatting
 * @since 0.1.0
 */
export const escaped = (text: string): string =>
  text.replace(unprintable, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`)

/**
 * The first 200 characters of a text, without any that do more than to be seen.
 *
 * @category formatting
 * @since 0.1.0
 */
export const printable = (text: string): string => escaped(text.length > most ? `${text.slice(0, most)}…` : text)
