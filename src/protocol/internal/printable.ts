/**
 * Prepares text from others for our errors and logs: a terminal obeys control characters, a log has one entry per line, and
 * neither should contain megabytes.
 *
 * @since 0.1.0
 */

/** The number of UTF-16 code units of a text that are shown. */
const most = 200

/** Control and format characters (including those that change the text direction), line separators, and unpaired surrogates. */
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

/**
 * Escapes all characters that do more than be displayed, as `\u{1b}`.
 *
 * @category formatting
 * @since 0.1.0
 */
export const escaped = (text: string): string =>
  text.replace(unprintable, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`)

/**
 * The first 200 characters of a text, with all characters escaped that do more than be displayed.
 *
 * @category formatting
 * @since 0.1.0
 */
export const printable = (text: string): string => escaped(text.length > most ? `${text.slice(0, most)}…` : text)
