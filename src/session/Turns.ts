/**
 * One thing after another: what comes up while something is told is told behind it, so that everybody hears of all in one order.
 *
 * @since 0.1.0
 */

/**
 * Runs a task at once, or behind those that run already. Plain code. What a task throws is thrown at whoever began, and takes those
 * behind it away.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (): (task: () => void) => void => {
  let tasks: Array<() => void> | undefined
  return (task) => {
    if (tasks !== undefined) return void tasks.push(task)
    tasks = [task]
    try {
      for (const next of tasks) next()
    } finally {
      tasks = undefined
    }
  }
}
