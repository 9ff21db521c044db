import type { TaskAnswer } from "./thread-task.ts";

/** Runs `task` and makes its result or failure fit to be posted. */
export function answerOf<T>(task: () => T): TaskAnswer<T> {
  try {
    return { kind: "done", result: task() };
  } catch (error) {
    const { message, code } = error as Partial<NodeJS.ErrnoException>;
    return { kind: "failed", message: message ?? String(error), code };
  }
}
