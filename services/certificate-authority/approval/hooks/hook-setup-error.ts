/** A hook that cannot be made as it is configured; the message names the setting, the value and the way out. */
export class HookSetupError extends Error {
  override readonly name = "HookSetupError";
}
