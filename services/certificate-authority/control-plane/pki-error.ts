/** Files or settings of a control plane that cannot be used; nothing was changed. Each problem names its way out. */
export class PkiError extends Error {
  override readonly name = "PkiError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    const [only = "", ...more] = problems;
    super(more.length === 0 ? only : `${problems.length} problems:\n${problems.map((text) => `  ${text}`).join("\n")}`);
    this.problems = problems;
  }
}
