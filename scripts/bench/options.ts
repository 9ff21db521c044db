import { parseArgs } from "node:util";

/** The parts of the benchmark, in the order in which they run; `hooks` only where it is asked for by name. */
export const PARTS = ["crypto", "issue", "sql", "http", "audit", "storm", "incumbent", "hooks"] as const;
export type Part = (typeof PARTS)[number];

export interface BenchOptions {
  readonly parts: ReadonlySet<Part>;
  /** Fewer and shorter rounds. */
  readonly quick: boolean;
  /** Exit with 1 when a required goal is missed. */
  readonly check: boolean;
  /** Goals are held to their wide margins. */
  readonly wide: boolean;
  /** Where the JSON document goes besides its one line; undefined for nowhere. */
  readonly jsonFile: string | undefined;
}

export const USAGE = `usage: npm run bench -- [--quick] [--only ${PARTS.join(",")}] [--check] [--json FILE]

  --quick      fewer and shorter rounds, under a minute; goals are held to wide margins
  --only LIST  only these parts; hooks, a storm of requests that a script decides on, runs only when it is named
  --check      exit with 1 when a required goal is missed
  --json FILE  write the results as one JSON document
`;

/** The command line was not understood; the message says what of it. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/**
 * @returns undefined when help was asked for.
 * @throws {UsageError}
 */
export function readOptions(args: readonly string[], environment: NodeJS.ProcessEnv): BenchOptions | undefined {
  const values = parsed(args);
  if (values.help) return undefined;
  const quick = values.quick ?? false;
  return {
    parts: new Set(
      values.only === undefined
        ? PARTS.filter((part) => part !== "hooks" && (!quick || part !== "incumbent"))
        : partsOf(values.only),
    ),
    quick,
    check: values.check ?? false,
    wide: quick || environment["CI"] === "true",
    jsonFile: values.json,
  };
}

function parsed(args: readonly string[]) {
  const flag = { type: "boolean" } as const;
  const text = { type: "string" } as const;
  try {
    const options = { quick: flag, check: flag, help: flag, only: text, json: text };
    return parseArgs({ args: [...args], options, allowPositionals: false }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function partsOf(list: string): readonly Part[] {
  return list.split(",").map((name) => {
    const part = PARTS.find((known) => known === name.trim());
    if (part === undefined)
      throw new UsageError(`there is no part ${JSON.stringify(name)}; parts: ${PARTS.join(", ")}`);
    return part;
  });
}
