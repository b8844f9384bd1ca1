/**
 * Runs tasks one after another: a task that is added while another runs comes after it, so that everyone is told everything
 * in the same order.
 *
 * @since 0.1.0
 */

/**
 * Runs a task at once, or after those that already run. Plain code. If a task throws, the exception goes to the outermost
 * caller, and the waiting tasks are dropped.
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
