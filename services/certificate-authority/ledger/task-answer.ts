import type { TaskAnswer } from "./thread-task.ts";

/** Runs `task` and makes its result or failure fit to be posted. */
export async function answerOf<T>(task: () => T | Promise<T>): Promise<TaskAnswer<T>> {
  try {
    return { kind: "done", result: await task() };
  } catch (error) {
    const { message, code } = error as Partial<NodeJS.ErrnoException>;
    return { kind: "failed", message: message ?? String(error), code };
  }
}
